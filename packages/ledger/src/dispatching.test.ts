/** The life of single jobs through the scripts, against a real Redis: every move is fenced, everything is counted once. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { makeId, slotOf } from '@sluice/job';
import { claimEntry, handBack, renewLeases, storeOutcomes } from './calling.ts';
import type { Write } from './calling.ts';
import { connectRedis } from './connect.ts';
import { acceptJob, endJob } from './jobs.ts';
import { readJob, readJobHead } from './reading-jobs.ts';
import type { NewJob } from './jobs.ts';
import { raiseToken, takeLead } from './leading.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { decodeOutcomes, encodeOutcomes } from './outcome-fields.ts';
import type { OutcomeMeta } from './outcome-fields.ts';
import { placeEntry, readOverdue, readWaiting } from './placing.ts';
import { holdRecorder, readOutcomes, recordJob } from './recording.ts';

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

const NOW = 1_000_000;

function newJob(over: Partial<NewJob> = {}): NewJob {
  return {
    id: makeId('job', randomBytes(16)),
    tenant: 'default',
    pool: 'fast',
    model: 'fast',
    endpoint: '/v1/chat/completions',
    priority: 'normal',
    createdAt: NOW,
    deadlineAt: NOW + 60_000,
    body: '{"messages":[]}',
    shape: { characters: 40, maxOutput: null, inputs: 1 },
    formats: 3,
    maxTier: null,
    affinityKey: null,
    webhookUrl: null,
    metadata: { k: 'v' },
    retryOf: null,
    ...over,
  };
}

async function accepted(over: Partial<NewJob> = {}): Promise<NewJob> {
  const job = newJob(over);
  await acceptJob(ledger, job, { checkAt: NOW + 15_000, idempotency: null });
  return job;
}

const move = (id: string, epoch: number, over = {}) =>
  placeEntry(ledger, {
    id,
    epoch,
    deployment: 'mini',
    tier: 1,
    checkAt: NOW,
    leaderToken: 1,
    now: NOW,
    ...over,
  });

const USED = {
  deployment: 'mini',
  attempts: 1,
  failedAttempts: 0,
  usage: { input: 10, cached: 0, output: 5, reasoning: 0 },
  costUsd: 0.25,
  unpriced: 0,
  unanswered: 0,
};

const claim = (id: string, epoch: number, over = {}) =>
  claimEntry(ledger, { id, epoch, holder: 'w1', now: NOW, leaseMs: 1_000, ...over });

const meta = (over: Partial<OutcomeMeta> = {}): OutcomeMeta => ({
  place: 0,
  line: 0,
  outcome: 'ok',
  statusCode: 200,
  deployment: 'mini',
  usage: { input_tokens: 10, cached_tokens: 0, output_tokens: 5, reasoning_tokens: 0 },
  costUsd: 0.25,
  retryAfterMs: null,
  message: null,
  attempts: [],
  tries: 0,
  endedAt: NOW,
  ...over,
});

let writes = 0;
const written = (): Write => ({ writer: 'w', id: (writes += 1) });

async function outcomesOf(id: string) {
  const reader = connectRedis(redis.url, 'blocking');
  const from = new Map([[slotOf(id), '0']]);
  const all = await readOutcomes(reader, ledger, { from, count: 100, blockMs: 10 });
  reader.disconnect();
  return all.filter((outcome) => outcome.id === id || outcome.id.startsWith(`${id}~`));
}

describe('a single job', () => {
  test('accepting it twice with the same id changes nothing', async () => {
    const job = await accepted();
    await move(job.id, 0);
    assert.deepEqual(await acceptJob(ledger, job, { checkAt: NOW, idempotency: null }), {
      kind: 'created',
      id: job.id,
    });
    assert.equal((await readJob(ledger, job.id))?.epoch, 1);
  });

  test('a move is made once: whoever comes second is told where it went', async () => {
    const job = await accepted();
    assert.deepEqual(await move(job.id, 0), { kind: 'moved', epoch: 1 });
    assert.deepEqual(await move(job.id, 0, { deployment: 'other' }), {
      kind: 'moved_before',
      epoch: 1,
      deployment: 'mini',
    });
  });

  test('an older leader moves nothing', async () => {
    const job = await accepted();
    const token = await takeLead(ledger, { holder: randomUUID(), ms: 10_000 });
    await raiseToken(ledger, token + 5);
    assert.deepEqual(await move(job.id, 0, { leaderToken: token + 4 }), { kind: 'not_leader' });
    assert.deepEqual(await move(job.id, 0, { leaderToken: token + 5 }), {
      kind: 'moved',
      epoch: 1,
    });
    await raiseToken(ledger, 1);
    assert.deepEqual(await move(job.id, 1, { leaderToken: 1 }), { kind: 'not_leader' });
    await Promise.all(
      Array.from({ length: 16 }, (_, slot) => ledger.redis.del(ledger.keys.leaderSeen(slot))),
    );
  });

  test('an entry of another epoch is dropped, a second delivery waits for the lease', async () => {
    const job = await accepted();
    await move(job.id, 0);
    assert.equal((await claim(job.id, 0)).kind, 'drop');
    assert.equal((await claim(job.id, 1)).kind, 'claimed');
    assert.deepEqual(await claim(job.id, 1, { holder: 'w2', now: NOW + 400 }), {
      kind: 'held',
      forMs: 600,
    });
    assert.deepEqual(await move(job.id, 1, { now: NOW + 400 }), {
      kind: 'called',
      untilMs: NOW + 1_000,
    });
    const second = await claim(job.id, 1, { holder: 'w2', now: NOW + 1_001 });
    assert.ok(second.kind === 'claimed' && second.entry.lostBefore);
    const lease = { id: job.id, holder: 'w1' };
    assert.deepEqual(await renewLeases(ledger, [lease], NOW + 9_000), { lost: [lease], ended: [] });
  });

  test('tells from a renewal on that its call waits for a booking, until another says it does not', async () => {
    const job = newJob();
    await acceptJob(ledger, job, { checkAt: NOW, idempotency: null });
    await move(job.id, 0);
    const atGate = async () => (await readJobHead(ledger, job.id))?.atGate;
    const renew = (holder: string, waits: boolean) =>
      renewLeases(ledger, [{ id: job.id, holder, waits }], NOW + 9_000);
    await claim(job.id, 1);
    assert.equal(await atGate(), false);
    await renew('w1', true);
    assert.equal(await atGate(), true);
    await renew('w1', false);
    assert.equal(await atGate(), false);
    await renew('w1', true);
    await claim(job.id, 1, { holder: 'w2', now: NOW + 10_000 });
    assert.equal(await atGate(), false, 'a new delivery');
  });

  test('is looked after no later than its deadline, whoever wrote last', async () => {
    const job = newJob({ deadlineAt: NOW + 5_000 });
    const slot = slotOf(job.id);
    const lookedAt = async () => Number(await ledger.redis.zscore(ledger.keys.check(slot), job.id));
    const expect = async (what: string) => assert.equal(await lookedAt(), NOW + 5_000, what);
    await acceptJob(ledger, job, { checkAt: NOW + 15_000, idempotency: null });
    await expect('accepting');
    await move(job.id, 0, { checkAt: NOW + 15_000 });
    await expect('placing');
    await claim(job.id, 1, { leaseMs: 15_000 });
    await expect('claiming');
    await renewLeases(ledger, [{ id: job.id, holder: 'w1' }], NOW + 15_000);
    await expect('renewing');
    await handBack(ledger, { id: job.id, epoch: 1, holder: 'w1', shunnedUntil: 0 }, NOW + 15_000);
    await expect('handing back');
    await holdRecorder(ledger, slot, { holder: 'r1', ms: 60_000 });
    const fields = encodeOutcomes([meta()], ['{}']);
    await storeOutcomes(ledger, slot, [{ id: job.id, epoch: 1, places: [0], fields }], written());
    const [outcome] = await outcomesOf(job.id);
    await recordJob(ledger, {
      id: job.id,
      streamId: outcome?.streamId as string,
      epoch: 1,
      holder: 'r1',
      attempts: '{"outcome":"timeout"}',
      next: 'retry',
      now: NOW,
      keepSeconds: 60,
      eventId: 'evt_4',
      checkAt: NOW + 15_000,
      used: USED,
      set: {},
    });
    await expect('a retry');
  });

  test('is claimed no more at its deadline, and looked after at once', async () => {
    const job = await accepted({ deadlineAt: NOW + 5_000 });
    await move(job.id, 0, { checkAt: NOW + 4_000 });
    assert.equal((await claim(job.id, 1, { now: NOW + 5_000 })).kind, 'drop');
    assert.ok((await readOverdue(ledger, NOW + 5_000, 1_000)).includes(job.id));
    assert.equal((await claim(job.id, 1, { now: NOW + 4_999 })).kind, 'claimed');
  });

  test('whose answer waits to be recorded does not expire', async () => {
    const job = await accepted();
    await move(job.id, 0);
    await claim(job.id, 1);
    const fields = encodeOutcomes([meta()], ['{}']);
    const item = { id: job.id, epoch: 1, places: [0], fields };
    await storeOutcomes(ledger, slotOf(job.id), [item], written());
    const ending = {
      status: 'expired' as const,
      now: NOW + 70_000,
      message: 'late',
      eventId: 'evt_5',
      keepSeconds: 60,
      onlyEpoch: 1,
    };
    assert.equal(await endJob(ledger, job.id, ending), 'busy');
  });

  test('handed back, it was not lost', async () => {
    const job = await accepted();
    await move(job.id, 0);
    await claim(job.id, 1);
    const held = { id: job.id, epoch: 1, holder: 'w1', shunnedUntil: NOW + 60_000 };
    assert.equal(await handBack(ledger, { ...held, holder: 'w2' }, 0), false);
    assert.equal(await handBack(ledger, held, 0), true);
    assert.ok((await readOverdue(ledger, 1, 100)).includes(job.id));
    const waiting = await readWaiting(ledger, job.id);
    assert.equal(waiting?.handed, true);
    assert.deepEqual(waiting?.shunned, { deployment: waiting?.deployment, until: NOW + 60_000 });
    await move(job.id, 1);
    const again = await claim(job.id, 2, { holder: 'w3' });
    assert.ok(again.kind === 'claimed' && !again.entry.lostBefore);
    assert.deepEqual(await claim(job.id, 2, { holder: 'w3' }), again, 'sent again by the same');
    const late = await claim(job.id, 2, { holder: 'w4', now: NOW + 5_000 });
    assert.ok(late.kind === 'claimed' && late.entry.lostBefore, 'w3 died');
  });

  test('an outcome is stored once, looked up on redelivery, recorded once', async () => {
    const job = await accepted({ webhookUrl: 'https://example.com/hook' });
    const slot = slotOf(job.id);
    await move(job.id, 0);
    await claim(job.id, 1);
    const item = {
      id: job.id,
      epoch: 1,
      places: [0],
      fields: encodeOutcomes([meta()], ['{"a":"é"}']),
    };
    const write = written();
    await storeOutcomes(ledger, slot, [item], write);
    await storeOutcomes(ledger, slot, [item], write);
    const [outcome, ...more] = await outcomesOf(job.id);
    assert.equal(more.length, 0);
    assert.equal(decodeOutcomes(outcome?.fields ?? [])[0]?.raw.toString(), '{"a":"é"}');
    const redelivered = await claim(job.id, 1, { now: NOW + 5_000, holder: 'w2' });
    assert.ok(
      redelivered.kind === 'claimed' &&
        redelivered.entry.kind === 'job' &&
        redelivered.entry.answered,
    );

    await holdRecorder(ledger, slot, { holder: 'r1', ms: 60_000 });
    const record = {
      id: job.id,
      streamId: outcome?.streamId as string,
      epoch: 1,
      attempts: JSON.stringify({ outcome: 'ok', status_code: 200, cost_usd: 0.25 }),
      next: 'succeeded' as const,
      now: NOW + 10,
      keepSeconds: 60,
      eventId: 'evt_1',
      checkAt: NOW,
      used: USED,
      set: { result_status: 200, result_body: '{"a":"é"}' },
    };
    assert.deepEqual(await recordJob(ledger, { ...record, holder: 'other' }), {
      kind: 'not_recorder',
    });
    assert.equal((await recordJob(ledger, { ...record, holder: 'r1' })).kind, 'applied');
    assert.equal((await recordJob(ledger, { ...record, holder: 'r1' })).kind, 'before');
    const stored = await readJob(ledger, job.id);
    assert.equal(stored?.status, 'succeeded');
    assert.equal(stored?.attempts.length, 1);
    assert.equal(stored?.costUsd, 0.25);
    const events = await ledger.redis.xrange(ledger.keys.outbox(slot), '-', '+');
    const event = JSON.parse(
      events.find(([, fields]) => fields[1]?.includes(job.id))?.[1][1] ?? '{}',
    ) as object;
    assert.deepEqual(event, {
      id: 'evt_1',
      type: 'job.succeeded',
      subject: job.id,
      at: NOW + 10,
      url: 'https://example.com/hook',
      tenant: 'default',
    });
    assert.equal((await outcomesOf(job.id)).length, 0);
    await storeOutcomes(ledger, slot, [item], write);
    assert.equal((await outcomesOf(job.id)).length, 0, 'sent again after it was recorded');
    await storeOutcomes(ledger, slot, [item], written());
    assert.equal((await outcomesOf(job.id)).length, 1);
  });

  test('a late failure of an older epoch is kept as an attempt and moves nothing; a late success wins', async () => {
    const job = await accepted();
    const slot = slotOf(job.id);
    await move(job.id, 0);
    await claim(job.id, 1);
    await move(job.id, 1, { now: NOW + 2_000 });
    await holdRecorder(ledger, slot, { holder: 'r1', ms: 60_000 });
    const store = () => {
      const fields = encodeOutcomes([meta()], ['{}']);
      const items = [{ id: job.id, epoch: 1, places: [0], fields }];
      return storeOutcomes(ledger, slot, items, written());
    };
    const record = async (next: 'failed' | 'succeeded') => {
      const [outcome] = await outcomesOf(job.id);
      return recordJob(ledger, {
        id: job.id,
        streamId: outcome?.streamId as string,
        epoch: 1,
        holder: 'r1',
        attempts: '{"outcome":"timeout"}',
        next,
        now: NOW,
        keepSeconds: 60,
        eventId: 'evt_2',
        checkAt: NOW,
        used: USED,
        set: {},
      });
    };
    const next = { holder: 'w2', now: NOW + 2_000 };
    await store();
    // It may be a success: nobody calls again before it is recorded.
    assert.equal((await claim(job.id, 2, next)).kind, 'held');
    assert.equal((await record('failed')).kind, 'kept');
    assert.equal((await readJob(ledger, job.id))?.status, 'queued');
    const claimed = await claim(job.id, 2, next);
    assert.ok(claimed.kind === 'claimed' && claimed.entry.kind === 'job');
    assert.equal(claimed.entry.answered, false);
    await store();
    assert.equal((await record('succeeded')).kind, 'applied');
    assert.equal((await readJob(ledger, job.id))?.status, 'succeeded');
  });

  test('an answer that comes after the cancellation is kept with its cost', async () => {
    const job = await accepted();
    const slot = slotOf(job.id);
    await move(job.id, 0);
    await claim(job.id, 1);
    const ending = { now: NOW, message: 'by its owner', eventId: 'evt_4', keepSeconds: 60 };
    assert.equal(await endJob(ledger, job.id, { ...ending, status: 'cancelled' }), 'ended');
    const fields = encodeOutcomes([meta()], ['{}']);
    await storeOutcomes(ledger, slot, [{ id: job.id, epoch: 1, places: [0], fields }], written());
    const [outcome] = await outcomesOf(job.id);
    await holdRecorder(ledger, slot, { holder: 'r1', ms: 60_000 });
    const recorded = await recordJob(ledger, {
      id: job.id,
      streamId: outcome?.streamId as string,
      epoch: 1,
      holder: 'r1',
      attempts: JSON.stringify({ outcome: 'ok', status_code: 200, cost_usd: 0.25 }),
      next: 'succeeded',
      now: NOW,
      keepSeconds: 60,
      eventId: 'evt_5',
      checkAt: NOW,
      used: USED,
      set: { result_status: 200, result_body: '{}' },
    });
    assert.equal(recorded.kind, 'kept');
    const stored = await readJob(ledger, job.id);
    assert.deepEqual([stored?.status, stored?.result], ['cancelled', null]);
    assert.deepEqual([stored?.attempts.length, stored?.costUsd], [1, 0.25]);
  });

  test('ends once; with an epoch only where it stands', async () => {
    const job = await accepted();
    const ending = {
      status: 'expired' as const,
      now: NOW,
      message: 'late',
      eventId: 'evt_3',
      keepSeconds: 60,
    };
    assert.equal(await endJob(ledger, job.id, { ...ending, onlyEpoch: 7 }), 'busy');
    assert.equal(await endJob(ledger, job.id, { ...ending, onlyEpoch: 0 }), 'ended');
    assert.equal(await endJob(ledger, job.id, { ...ending, eventId: 'evt_4' }), 'had_ended');
    assert.equal(await endJob(ledger, makeId('job', randomBytes(16)), ending), 'missing');
    assert.deepEqual((await readJob(ledger, job.id))?.error, { code: 'expired', message: 'late' });
  });
});
