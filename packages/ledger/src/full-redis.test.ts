/** A Redis that is full, and evicts nothing: leases are kept, so that what is full can be emptied and nothing is called twice. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { makeId, slotOf } from '@sluice/job';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { claimEntry, renewLeases, storeOutcomes } from './calling.ts';
import { connectRedis } from './connect.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { holdRecorder, releaseRecorder } from './recording.ts';

const NOW = 1_000_000;
const ID = makeId('job', randomBytes(16));

let redis: TestRedis;
let ledger: Ledger;
before(async () => {
  redis = await startRedis();
  ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
  await ledger.redis.hset(ledger.keys.job(ID), { status: 'queued', epoch: 1 });
  await claimEntry(ledger, { id: ID, epoch: 1, holder: 'w', now: NOW, leaseMs: 1_000 });
  await ledger.redis.config('SET', 'maxmemory', 1);
  await assert.rejects(ledger.redis.set('anything', 'more'), /OOM/);
});
after(async () => {
  ledger.redis.disconnect();
  await redis.stop();
});

test('the lease of who records is taken, renewed and passed on', async () => {
  const hold = (holder: string) => holdRecorder(ledger, 3, { holder, ms: 60_000 });
  const left = (): Promise<number> => ledger.redis.pttl(ledger.keys.recorder(3));
  assert.equal(await hold('one'), true);
  await ledger.redis.pexpire(ledger.keys.recorder(3), 30_000);
  assert.equal(await hold('one'), true);
  assert.ok((await left()) > 30_000);
  assert.equal(await hold('two'), false);
  await releaseRecorder(ledger, 3, 'one');
  assert.equal(await hold('two'), true);
});

test('leases of calls are renewed', async () => {
  const renewed = await renewLeases(ledger, [{ id: ID, holder: 'w' }], NOW + 5_000);
  assert.deepEqual(renewed, { lost: [], ended: [] });
  assert.equal(await ledger.redis.hget(ledger.keys.job(ID), 'lease'), String(NOW + 5_000));
  const due = await ledger.redis.zscore(ledger.keys.check(slotOf(ID)), ID);
  assert.equal(due, String(NOW + 6_000));
});

test('what was placed is claimed', async () => {
  const id = makeId('job', randomBytes(16));
  await ledger.redis.config('SET', 'maxmemory', 0);
  await ledger.redis.hset(ledger.keys.job(id), { status: 'queued', epoch: 1 });
  await ledger.redis.config('SET', 'maxmemory', 1);
  const claim = { id, epoch: 1, holder: 'w', now: NOW, leaseMs: 1_000 };
  assert.equal((await claimEntry(ledger, claim)).kind, 'claimed');
  const check = await ledger.redis.zscore(ledger.keys.check(slotOf(id)), id);
  assert.equal(check, String(NOW + 2_000));
});

test('answers are stored, once, and can be recorded', async () => {
  const slot = slotOf(ID);
  const { outcomes } = ledger.keys;
  const items = [{ id: ID, epoch: 1, places: [0], fields: ['meta', 'answered'] }];
  for (const writer of ['w', 'w', 'other'])
    await storeOutcomes(ledger, slot, items, { writer, id: 1 });
  const stored = await ledger.redis.xrange(outcomes(slot), '-', '+');
  assert.equal(stored.length, 2, 'one of each writer');
  for (const [id] of stored) assert.equal(await ledger.redis.xdel(outcomes(slot), id), 1);
});

test('no script asks for leave in a way that the oldest Redis does not know', () => {
  const folder = new URL('./scripts/', import.meta.url);
  const flagged = readdirSync(folder).filter((name) =>
    readFileSync(new URL(name, folder), 'utf8').startsWith('#!'),
  );
  assert.deepEqual(flagged, [], 'flags came with Redis 7');
});
