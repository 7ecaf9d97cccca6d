/** The life of jobs and chunks through the scripts, against a real Redis: every move is fenced, everything is counted once. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { makeId, slotOf } from '@sluice/job';
import { createBatch, moveBatch, readBatch, readExtents } from './batches.ts';
import { claimEntry, handBack, renewLeases, storeOutcomes } from './calling.ts';
import { connectRedis } from './connect.ts';
import { acceptJob, endJob, readJob } from './jobs.ts';
import type { NewJob } from './jobs.ts';
import { raiseToken, takeLead } from './leading.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { decodeOutcomes, encodeOutcomes } from './outcome-fields.ts';
import type { OutcomeMeta } from './outcome-fields.ts';
import { feedChunks, openChunks, placeEntry, readOverdue, readWaiting } from './placing.ts';
import type { NewChunk } from './placing.ts';
import { finishBatch, holdRecorder, readOutcomes, recordJob, recordLines } from './recording.ts';
import type { LinesRecord } from './recording.ts';

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
    assert.deepEqual(await renewLeases(ledger, 'w1', [job.id], NOW + 9_000), [job.id]);
  });

  test('is looked after no later than its deadline, whoever wrote last', async () => {
    const job = newJob({ deadlineAt: NOW + 5_000 });
    const slot = slotOf(job.id);
    const lookedAt = async () => Number(await ledger.redis.zscore(ledger.keys.check(slot), job.id));
    const expect = async (after: string) => assert.equal(await lookedAt(), NOW + 5_000, after);
    await acceptJob(ledger, job, { checkAt: NOW + 15_000, idempotency: null });
    await expect('accepting');
    await move(job.id, 0, { checkAt: NOW + 15_000 });
    await expect('placing');
    await claim(job.id, 1, { leaseMs: 15_000 });
    await expect('claiming');
    await renewLeases(ledger, 'w1', [job.id], NOW + 15_000);
    await expect('renewing');
    await handBack(ledger, { id: job.id, epoch: 1, holder: 'w1' }, NOW + 15_000);
    await expect('handing back');
    await holdRecorder(ledger, slot, { holder: 'r1', ms: 60_000 });
    const fields = encodeOutcomes([meta()], ['{}']);
    await storeOutcomes(ledger, slot, [{ id: job.id, epoch: 1, places: [0], fields }], 'w');
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
    await storeOutcomes(ledger, slotOf(job.id), [item], 'w');
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
    assert.equal(await handBack(ledger, { id: job.id, epoch: 1, holder: 'w2' }, 0), false);
    assert.equal(await handBack(ledger, { id: job.id, epoch: 1, holder: 'w1' }, 0), true);
    assert.ok((await readOverdue(ledger, 1, 100)).includes(job.id));
    assert.equal((await readWaiting(ledger, job.id))?.handed, true);
    await move(job.id, 1);
    const again = await claim(job.id, 2, { holder: 'w3' });
    assert.ok(again.kind === 'claimed' && !again.entry.lostBefore);
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
    await storeOutcomes(ledger, slot, [item], 'write-1');
    await storeOutcomes(ledger, slot, [item], 'write-1');
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
    });
    assert.equal((await outcomesOf(job.id)).length, 0);
  });

  test('a late failure of an older epoch is kept as an attempt and moves nothing; a late success wins', async () => {
    const job = await accepted();
    const slot = slotOf(job.id);
    await move(job.id, 0);
    await claim(job.id, 1);
    await move(job.id, 1, { now: NOW + 2_000 });
    await holdRecorder(ledger, slot, { holder: 'r1', ms: 60_000 });
    const store = (writeId: string) => {
      const fields = encodeOutcomes([meta()], ['{}']);
      return storeOutcomes(ledger, slot, [{ id: job.id, epoch: 1, places: [0], fields }], writeId);
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
        set: {},
      });
    };
    const next = { holder: 'w2', now: NOW + 2_000 };
    await store('a');
    // It may be a success: nobody calls again before it is recorded.
    assert.equal((await claim(job.id, 2, next)).kind, 'held');
    assert.equal((await record('failed')).kind, 'kept');
    assert.equal((await readJob(ledger, job.id))?.status, 'queued');
    const claimed = await claim(job.id, 2, next);
    assert.ok(claimed.kind === 'claimed' && claimed.entry.kind === 'job');
    assert.equal(claimed.entry.answered, false);
    await store('b');
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
    await storeOutcomes(ledger, slot, [{ id: job.id, epoch: 1, places: [0], fields }], 'w');
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
    assert.equal(await endJob(ledger, job.id, ending), 'had_ended');
    assert.equal(await endJob(ledger, makeId('job', randomBytes(16)), ending), 'missing');
    assert.deepEqual((await readJob(ledger, job.id))?.error, { code: 'expired', message: 'late' });
  });
});

async function draining(lines: number): Promise<string> {
  const id = makeId('batch', randomBytes(16));
  await createBatch(
    ledger,
    {
      id,
      tenant: 'default',
      endpoint: '/v1/chat/completions',
      inputFileId: 'file-0',
      completionWindow: '24h',
      createdAt: NOW,
      expiresAt: NOW + 60_000,
      priority: 'low',
      metadata: null,
      webhookUrl: null,
      maxTier: null,
      maxCostUsd: null,
      outputExpiresAfter: null,
      retryOf: null,
    },
    { checkAt: NOW, idempotency: null },
  );
  await moveBatch(ledger, id, { from: ['validating'], to: 'in_progress', set: { total: lines } });
  return id;
}

const chunk = (batch: string, id: string, lines: number[]): NewChunk => ({
  id: `${batch}~${id}`,
  batch,
  pool: 'fast',
  deployment: 'mini',
  tier: 1,
  epoch: 1,
  lines: lines.map((line) => [line, line * 100, 90, 40, -1]),
  formats: 1,
  priority: 'low',
  createdAt: NOW,
  deadlineAt: NOW + 60_000,
});

const feed = (batch: string, chunks: NewChunk[], cursor = 0, over = {}) =>
  feedChunks(ledger, {
    batch,
    class: 0,
    cursor,
    newCursor: cursor + chunks.reduce((sum, one) => sum + one.lines.length, 0),
    chunks,
    checkAt: NOW + 15_000,
    leaderToken: 1,
    ...over,
  });

const record = (batch: string, over: Partial<LinesRecord>): LinesRecord => ({
  batch,
  holder: 'r1',
  now: NOW,
  extent: null,
  usage: { input: 1, cached: 0, output: 2, reasoning: 0 },
  costUsd: 0.5,
  unpriced: 0,
  unanswered: 0,
  byDeployment: { mini: 1 },
  streamIds: [],
  lines: [],
  chunks: [],
  retries: [],
  ...over,
});

async function answer(
  batch: string,
  id: string,
  places: number[],
  writeId: string,
): Promise<string> {
  const slot = slotOf(batch);
  await holdRecorder(ledger, slot, { holder: 'r1', ms: 60_000 });
  const metas = places.map((place) => meta({ place, line: place + 1 }));
  const fields = encodeOutcomes(
    metas,
    places.map((place) => `row${place}`),
  );
  await storeOutcomes(ledger, slot, [{ id: `${batch}~${id}`, epoch: 1, places, fields }], writeId);
  const all = await outcomesOf(batch);
  return all.at(-1)?.streamId as string;
}

describe('a batch', () => {
  test('is fed once: a cursor that moved, a pause and a cancellation are refused', async () => {
    const batch = await draining(10);
    assert.equal(await feed(batch, [chunk(batch, '0.0', [1, 2])]), 'fed');
    assert.equal(await feed(batch, [chunk(batch, '0.0', [1, 2])]), 'moved');
    await moveBatch(ledger, batch, { from: ['in_progress'], set: { paused: '1' } });
    assert.equal(await feed(batch, [chunk(batch, '0.2', [3])], 2), 'not_draining');
    assert.equal((await readBatch(ledger, batch))?.fed, 2);
    assert.equal((await openChunks(ledger, batch)).length, 1);
  });

  test('a redelivered chunk calls only what has no outcome', async () => {
    const batch = await draining(3);
    await feed(batch, [chunk(batch, '0.0', [1, 2, 3])]);
    await claim(`${batch}~0.0`, 1);
    await answer(batch, '0.0', [1], 'w');
    const again = await claim(`${batch}~0.0`, 1, { holder: 'w2', now: NOW + 5_000 });
    assert.ok(again.kind === 'claimed' && again.entry.kind === 'chunk');
    assert.deepEqual([...again.entry.answered], [1]);
  });

  test('is counted once however often an answer comes, and is ready when the last line is recorded', async () => {
    const batch = await draining(3);
    await feed(batch, [chunk(batch, '0.0', [1, 2]), chunk(batch, '0.2', [3])]);
    const first = await answer(batch, '0.0', [0], 'a');
    const id = `${batch}~0.0`;
    const one = record(batch, {
      streamIds: [first],
      lines: [{ line: 1, ok: true }],
      chunks: [{ id, places: [0] }],
      extent: { segment: 's', start: 0, end: 10 },
      unpriced: 1,
      unanswered: 2,
    });
    assert.deepEqual(await recordLines(ledger, { ...one, holder: 'r2' }), { kind: 'not_recorder' });
    assert.deepEqual(await recordLines(ledger, one), {
      kind: 'recorded',
      fresh: 1,
      recorded: 1,
      total: 3,
      status: 'in_progress',
    });
    assert.deepEqual(await recordLines(ledger, one), { kind: 'before' });
    const twice = await answer(batch, '0.0', [0], 'b');
    const again = await recordLines(ledger, {
      ...one,
      streamIds: [twice],
      extent: { segment: 's', start: 10, end: 20 },
    });
    assert.ok(again.kind === 'recorded' && again.fresh === 0);
    assert.ok((await openChunks(ledger, batch)).includes(id), 'line 2 is still to come');
    const last = [await answer(batch, '0.0', [1], 'c'), await answer(batch, '0.2', [0], 'd')];
    const ended = await recordLines(
      ledger,
      record(batch, {
        streamIds: last,
        lines: [
          { line: 2, ok: true },
          { line: 3, ok: false },
        ],
        chunks: [
          { id, places: [1] },
          { id: `${batch}~0.2`, places: [0] },
        ],
        extent: { segment: 't', start: 0, end: 5 },
      }),
    );
    assert.deepEqual(ended, {
      kind: 'recorded',
      fresh: 2,
      recorded: 3,
      total: 3,
      status: 'finalizing',
    });
    const stored = await readBatch(ledger, batch);
    assert.equal(stored?.completed, 2);
    assert.equal(stored?.failed, 1);
    // Three attempts were paid for, one of them twice for the same line.
    assert.deepEqual([stored?.costUsd, stored?.unpriced, stored?.unanswered], [1.5, 2, 4]);
    assert.deepEqual(await openChunks(ledger, batch), []);
    assert.deepEqual(await readExtents(ledger, batch), [
      { segment: 's', start: 0, end: 20 },
      { segment: 't', start: 0, end: 5 },
    ]);
    const end = {
      id: batch,
      from: ['finalizing'],
      to: 'completed' as const,
      now: NOW,
      eventId: 'e',
      keepSeconds: 5,
      set: {},
    };
    assert.equal(await finishBatch(ledger, end), 'ended');
    assert.equal(await finishBatch(ledger, end), 'had_ended');
  });

  test('a failed line goes on in a chunk of its own, once', async () => {
    const batch = await draining(2);
    await feed(batch, [chunk(batch, '0.0', [1, 2])]);
    const origin = `${batch}~0.0`;
    const retry = {
      ...chunk(batch, 'r1', [1]),
      epoch: 0,
      deployment: '',
      history: [{ tries: 1, attempts: '{}', since: NOW }],
    };
    const retries = [{ origin, places: [0], chunk: retry, checkAt: NOW, notBefore: NOW + 5 }];
    const first = await answer(batch, '0.0', [0], 'a');
    await recordLines(ledger, record(batch, { streamIds: [first], retries }));
    assert.deepEqual((await openChunks(ledger, batch)).toSorted(), [origin, retry.id].toSorted());
    await placeEntry(ledger, {
      id: retry.id,
      epoch: 0,
      deployment: 'other',
      tier: 1,
      checkAt: NOW,
      leaderToken: 1,
      now: NOW,
    });
    const second = await answer(batch, '0.0', [0], 'b');
    await recordLines(ledger, record(batch, { streamIds: [second], retries }));
    assert.equal(
      (await readWaiting(ledger, retry.id))?.epoch,
      1,
      'the second failure did not reset it',
    );
  });
});
