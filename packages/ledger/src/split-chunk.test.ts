/** A chunk that is split into its lines, through its script, against a real Redis. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeId, slotOf } from '@sluice/job';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { claimEntry, handBack } from './calling.ts';
import { connectRedis } from './connect.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { chunkFields, openChunks, placeEntry, readWaiting, splitChunk } from './placing.ts';
import type { LineRef } from './placing.ts';

let redis: TestRedis;
let ledger: Ledger;
before(async () => {
  redis = await startRedis();
  ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
});
after(async () => {
  ledger.redis.disconnect();
  await redis.stop();
});

const NOW = 1_700_000_000_000;
const LINES: LineRef[] = [
  [7, 90_000_000_000_000, 90, 40, -1],
  [8, 200, 90, 80, 16],
  [9, 300, 90, 40, -1],
];
const HISTORY = LINES.map(([line], i) => ({
  tries: i,
  attempts: i === 0 ? '' : `{"deployment":"a/b","n":${line}}`,
  since: NOW - i,
}));

/** A chunk that failed before, as it waits. */
async function waiting(
  fields: Record<string, string> = {},
): Promise<{ batch: string; id: string }> {
  const batch = makeId('batch', randomBytes(16));
  const id = `${batch}~r1-0.0`;
  const { redis: client, keys } = ledger;
  const chunk = chunkFields({
    id,
    batch,
    tenant: 'default',
    pool: 'fast',
    deployment: '',
    tier: 1,
    epoch: 0,
    lines: LINES,
    formats: 3,
    priority: 'low',
    createdAt: NOW,
    deadlineAt: NOW + 60_000,
    history: HISTORY,
    exclude: ['mini'],
    minTier: 1,
    lot: 5,
  });
  await client.hset(keys.batch(batch), 'status', 'in_progress');
  await client.hset(keys.chunk(id), ...chunk);
  if (Object.keys(fields).length > 0) await client.hset(keys.chunk(id), fields);
  await client.sadd(keys.chunks(batch), id);
  await client.zadd(keys.check(slotOf(id)), NOW, id);
  return { batch, id };
}

const split = ({ batch, id }: { batch: string; id: string }, over: { leaderToken?: number } = {}) =>
  splitChunk(ledger, {
    id,
    batch,
    epoch: 0,
    checkAt: NOW + 1_000,
    leaderToken: 1,
    now: NOW,
    ...over,
  });

const claimed = async (id: string) => {
  const move = { deployment: 'other', tier: 1, checkAt: NOW, leaderToken: 1, now: NOW };
  await placeEntry(ledger, { id, epoch: 0, ...move });
  const claim = await claimEntry(ledger, { id, epoch: 1, holder: 'w', now: NOW, leaseMs: 1_000 });
  assert.ok(claim.kind === 'claimed' && claim.entry.kind === 'chunk', claim.kind);
  return claim.entry;
};

test('each line travels on alone, with all that is known of it', async () => {
  const chunk = await waiting();
  const ids = LINES.map((_, place) => `${chunk.id}.${place}`);
  assert.deepEqual(await split(chunk), { kind: 'split', ids });
  assert.deepEqual((await openChunks(ledger, chunk.batch)).toSorted(), ids);
  assert.equal(await readWaiting(ledger, chunk.id), null);
  const check = ledger.keys.check(slotOf(chunk.id));
  for (const [place, id] of ids.entries()) {
    assert.equal(await ledger.redis.zscore(check, id), String(NOW + 1_000));
    const { jobs, exclude, lot, batch } = (await readWaiting(ledger, id)) ?? assert.fail();
    assert.deepEqual([jobs, exclude, lot, batch], [1, ['mini'], 5, chunk.batch]);
    const { lines, history, answered, lostBefore } = await claimed(id);
    assert.deepEqual([lines, history], [[LINES[place]], [HISTORY[place]]]);
    assert.deepEqual([[...answered], lostBefore], [[], false]);
  }
  assert.deepEqual(await split(chunk), { kind: 'stays' }, 'sent again');
});

test('lines that have left are not split off, and those with an answer stay with it', async () => {
  const chunk = await waiting({ left: '2', r0: '1', d1: '0' });
  assert.equal((await readWaiting(ledger, chunk.id))?.jobs, 2);
  assert.deepEqual(await split(chunk), { kind: 'split', ids: [`${chunk.id}.2`] });
  assert.equal((await readWaiting(ledger, chunk.id))?.jobs, 1);
  assert.deepEqual([...(await claimed(chunk.id)).answered], [0, 1, 2]);
});

test('what is known of a delivery that died goes with each line', async () => {
  for (const handed of [false, true]) {
    const chunk = await waiting();
    const claim = { id: chunk.id, epoch: 0, holder: 'dead', now: NOW - 2_000, leaseMs: 1_000 };
    await claimEntry(ledger, claim);
    const entry = { id: chunk.id, epoch: 0, holder: 'dead', shunnedUntil: 0 };
    if (handed) await handBack(ledger, entry, NOW);
    assert.equal((await split(chunk)).kind, 'split');
    assert.equal((await claimed(`${chunk.id}.0`)).lostBefore, !handed);
  }
});

test('it stays while it is called, once it has moved on, when its batch winds down, and for an older leader', async () => {
  const { redis: client, keys } = ledger;
  const called = await waiting({ lease: String(NOW + 1), status: 'running' });
  assert.deepEqual(await split(called), { kind: 'stays' });
  assert.deepEqual(await split(await waiting({ epoch: '1' })), { kind: 'stays' });
  const cancelled = await waiting();
  await client.hset(keys.batch(cancelled.batch), 'status', 'cancelling');
  assert.deepEqual(await split(cancelled), { kind: 'stays' });
  const answered = await waiting({ d0: '0', d1: '0', d2: '0' });
  assert.deepEqual(await split(answered), { kind: 'stays' });
  const chunk = await waiting();
  await client.set(keys.leaderSeen(slotOf(chunk.id)), 2);
  assert.deepEqual(await split(chunk), { kind: 'not_leader' });
  for (const { id, batch } of [called, cancelled, answered, chunk])
    assert.deepEqual(await openChunks(ledger, batch), [id]);
  assert.equal((await split(chunk, { leaderToken: 2 })).kind, 'split');
  await client.del(keys.leaderSeen(slotOf(chunk.id)));
});
