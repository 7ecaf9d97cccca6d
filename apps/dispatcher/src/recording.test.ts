/** What becomes of outcomes, against a real Redis: retries that end, failures that decide nothing, deadlines. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { lineId, slotOf } from '@sluice/job';
import type { Attempt } from '@sluice/job';
import { endJob, openChunks, readBatch, readJob, readWritingTrouble } from '@sluice/ledger';
import type { LineRef, StreamOutcome } from '@sluice/ledger';
import { FREE_LOSSES } from '@sluice/retry';
import { recordBatch } from './record-batch.ts';
import { recordJobs } from './record-jobs.ts';
import { Segments } from './segments.ts';
import { WritingTrouble } from './writing-trouble.ts';
import type { RecordJobsPorts } from './record-jobs.ts';
import { Desk } from './test-desk.ts';

let desk: Desk;
before(async () => {
  desk = await Desk.open();
});
after(() => desk.close());

/** As of a full disk. */
const FULL = Object.assign(
  new Error("ENOSPC: no space left on device, open '/srv/sluice/files/x'"),
  { code: 'ENOSPC' },
);

const attempt = (outcome: Attempt['outcome']): Attempt => ({
  deployment: 'mini',
  provider: 'p',
  started_at: 0,
  queued_ms: 0,
  took_ms: 0,
  outcome,
  status_code: null,
  usage: null,
  cost_usd: null,
  error: null,
});

/** Ports of recording single jobs, each of which has one attempt; `meanwhile` goes on before anything is recorded of the dead. */
const ofOneAttempt = (meanwhile: () => Promise<unknown>): RecordJobsPorts => ({
  ...desk.ports,
  maxAttempts: 1,
  keepSeconds: 60,
  keepDeadSeconds: 60,
  onEnded: () => undefined,
  onAnswer: () => undefined,
  deadQueue: {
    addBulk: async (entries) => {
      const added = await desk.dead.addBulk(entries);
      await meanwhile();
      return added;
    },
    remove: (id) => desk.dead.remove(id),
  },
});

/** A job whose only attempt has failed, and that outcome. */
async function failedJob(): Promise<[string, StreamOutcome[]]> {
  const id = await desk.acceptedJob(3_600_000);
  const epoch = await desk.placed(id, 0);
  const failed = { outcome: 'overloaded', statusCode: 503 } as const;
  return [
    id,
    await desk.answered({ id, epoch }, [{ ...failed, attempts: [attempt('overloaded')] }]),
  ];
}

test('a job out of attempts is among the dead also where its process dies before it has recorded that', async () => {
  const [id, outcomes] = await failedJob();
  const { redis, keys } = desk.ledger;
  const lease = keys.recorder(slotOf(id));
  const dies = ofOneAttempt(() => redis.set(lease, 'another'));
  assert.equal(await recordJobs(dies, outcomes), false);
  assert.equal((await readJob(desk.ledger, id))?.status, 'queued');
  assert.equal(await desk.dead.getJobState(id), 'waiting');
  await redis.set(lease, 'r1');
  await recordJobs(
    ofOneAttempt(() => Promise.resolve()),
    outcomes,
  );
  assert.equal((await readJob(desk.ledger, id))?.status, 'failed');
  // Told again, as after a lost answer.
  await recordJobs(
    ofOneAttempt(() => Promise.resolve()),
    outcomes,
  );
  assert.deepEqual((await desk.dead.getJob(id))?.data, { id, code: 'overloaded', pool: 'fast' });
});

test('a job that was cancelled as its last attempt failed is not among the dead', async () => {
  const [id, outcomes] = await failedJob();
  const cancels = ofOneAttempt(() =>
    endJob(desk.ledger, id, {
      status: 'cancelled',
      now: desk.time,
      message: 'cancelled',
      eventId: 'evt_1',
      keepSeconds: 60,
    }),
  );
  await recordJobs(cancels, outcomes);
  assert.equal((await readJob(desk.ledger, id))?.status, 'cancelled');
  assert.equal(await desk.dead.getJobState(id), 'unknown');
});

test('what is dead is dated by the clock that all go by, not by its machine', async () => {
  const [id, outcomes] = await failedJob();
  const now = desk.time - 600_000;
  await recordJobs({ ...ofOneAttempt(() => Promise.resolve()), now: () => now }, outcomes);
  assert.equal((await desk.dead.getJob(id))?.timestamp, now);
});

test('lines out of attempts are among the dead also where their process dies before it has recorded that', async () => {
  const { batch, chunk } = await desk.fedBatch(1);
  const failed = { line: 1, outcome: 'overloaded', statusCode: 503 } as const;
  const attempts = [attempt('overloaded')];
  const outcomes = await desk.answered({ id: chunk, epoch: 1 }, [{ ...failed, attempts }]);
  await desk.ledger.redis.del(desk.ledger.keys.recorder(slotOf(batch)));
  assert.equal(await recordBatch({ ...desk.ports, maxAttempts: 1 }, batch, outcomes), false);
  assert.equal(await desk.dead.getJobState(lineId(batch, 1)), 'waiting');
});

const LOST = { outcome: 'lost' as const, statusCode: null, attempts: [attempt('lost')] };

test('a job whose every call is lost ends: the free losses and all its attempts later, as lost', async () => {
  const id = await desk.acceptedJob(3_600_000);
  const { maxAttempts } = desk.ports;
  let rounds = 0;
  for (let epoch = 0; ; rounds++) {
    const job = await readJob(desk.ledger, id);
    if (job?.status !== 'queued') break;
    assert.ok(rounds <= FREE_LOSSES + maxAttempts, 'it goes round for ever');
    epoch = await desk.placed(id, job.epoch);
    const outcomes = await desk.answered({ id, epoch }, [LOST]);
    await recordJobs(
      {
        ...desk.ports,
        keepSeconds: 60,
        keepDeadSeconds: 60,
        onEnded: () => undefined,
        onAnswer: () => undefined,
      },
      outcomes,
    );
  }
  const job = await readJob(desk.ledger, id);
  assert.equal(job?.status, 'failed');
  assert.equal(job.error?.code, 'lost');
  assert.equal(rounds, FREE_LOSSES + maxAttempts);
  assert.equal(job.attempts.length, rounds);
});

test('lines that were lost often travel alone, so that the one that kills its worker dies alone', async () => {
  const { batch, chunk } = await desk.fedBatch(3);
  const often = Array.from({ length: FREE_LOSSES }, () => attempt('lost'));
  const outcomes = await desk.answered({ id: chunk, epoch: 1 }, [
    { ...LOST, place: 0, line: 1 },
    { ...LOST, place: 1, line: 2, attempts: often },
    { ...LOST, place: 2, line: 3, attempts: often },
  ]);
  await recordBatch(desk.ports, batch, outcomes);
  const chunks = await openChunks(desk.ledger, batch);
  const sizes = await Promise.all(
    chunks.map((id) => desk.ledger.redis.hget(desk.ledger.keys.chunk(id), 'left')),
  );
  assert.deepEqual(sizes, ['1', '1', '1']);
});

test('a late failure of a line that is tried again elsewhere decides nothing; its late success does', async () => {
  const { batch, chunk } = await desk.fedBatch(1);
  const failed = { line: 1, outcome: 'overloaded', statusCode: 503 } as const;
  const attempts = [attempt('overloaded')];
  const first = await desk.answered({ id: chunk, epoch: 1 }, [{ ...failed, attempts }]);
  await recordBatch(desk.ports, batch, first);
  const refused = { line: 1, outcome: 'bad_request', statusCode: 400 } as const;
  const late = await desk.answered({ id: chunk, epoch: 1 }, [refused]);
  await recordBatch(desk.ports, batch, late);
  assert.equal((await readBatch(desk.ledger, batch))?.failed, 0);
  assert.equal((await openChunks(desk.ledger, batch)).length, 1);
  const success = await desk.answered({ id: chunk, epoch: 1 }, [{ line: 1 }]);
  await recordBatch(desk.ports, batch, success);
  const stored = await readBatch(desk.ledger, batch);
  assert.deepEqual([stored?.completed, stored?.failed, stored?.status], [1, 0, 'finalizing']);
});

test('of two answers to a line that are recorded together the later keeps nothing back that failed with it', async () => {
  const { batch, chunk } = await desk.fedBatch(3);
  const failed = { outcome: 'overloaded', statusCode: 503 } as const;
  const attempts = [attempt('overloaded')];
  await desk.answered({ id: chunk, epoch: 1 }, [{ line: 1, place: 0 }]);
  await desk.answered({ id: chunk, epoch: 1 }, [{ ...failed, attempts, line: 2, place: 1 }]);
  // Delivered again meanwhile: the same lines fail beside one more.
  const outcomes = await desk.answered(
    { id: chunk, epoch: 2 },
    [1, 2, 3].map((line) => ({ ...failed, attempts, line, place: line - 1 })),
  );
  assert.equal(outcomes.length, 3);
  await recordBatch(desk.ports, batch, outcomes);
  const { redis, keys } = desk.ledger;
  const chunks = await openChunks(desk.ledger, batch);
  const open = await Promise.all(chunks.map((id) => redis.hget(keys.chunk(id), 'lines')));
  const lines = open.flatMap((text) => JSON.parse(text ?? '[]') as LineRef[]);
  const numbers = lines.map(([line]) => line).toSorted((a, b) => a - b);
  assert.deepEqual(numbers, [2, 3]);
  assert.equal((await readBatch(desk.ledger, batch))?.completed, 1);
});

test('a line that fails is looked after no later than the end of the window of its batch', async () => {
  const { batch, chunk } = await desk.fedBatch(1, { expiresAt: desk.time + 5_000 });
  const failed = { line: 1, outcome: 'overloaded', statusCode: 503 } as const;
  const attempts = [attempt('overloaded')];
  const outcomes = await desk.answered({ id: chunk, epoch: 1 }, [{ ...failed, attempts }]);
  await recordBatch(desk.ports, batch, outcomes);
  const [retry = ''] = await openChunks(desk.ledger, batch);
  const { redis, keys } = desk.ledger;
  const [deadline] = await redis.hmget(keys.chunk(retry), 'deadline');
  assert.equal(Number(deadline), desk.time + 5_000);
  const slot = outcomes[0]?.slot as number;
  assert.equal(Number(await redis.zscore(keys.check(slot), retry)), desk.time + 5_000);
});

test('results that cannot be written are told to all, with the folder in the log, until one can be', async () => {
  const { batch, chunk } = await desk.fedBatch(1);
  const outcomes = await desk.answered({ id: chunk, epoch: 1 }, [{ line: 1 }]);
  const full = { ...desk.store, appender: () => Promise.reject(FULL) };
  const where = 'the folder /srv/sluice/files';
  const writing = new WritingTrouble({ ledger: desk.ledger, where, now: () => desk.time });
  const failing = { ...desk.ports, writing, segments: new Segments(full, 'full') };
  const told = () => readWritingTrouble(desk.ledger);
  assert.equal(await told(), null);
  await assert.rejects(recordBatch(failing, batch, outcomes), {
    message: `results cannot be written to ${where}: ENOSPC: no space left on device`,
  });
  assert.equal(await told(), 'ENOSPC: no space left on device');
  // Not for each try, but as long as it lasts.
  const { redis, keys } = desk.ledger;
  await redis.del(keys.writingTrouble);
  await assert.rejects(recordBatch(failing, batch, outcomes));
  assert.equal(await told(), null);
  desk.time += 5_000;
  await assert.rejects(recordBatch(failing, batch, outcomes));
  assert.ok((await redis.pttl(keys.writingTrouble)) > 5_000);
  assert.equal((await readBatch(desk.ledger, batch))?.completed, 0);
  assert.equal(await recordBatch({ ...desk.ports, writing }, batch, outcomes), true);
  assert.equal(await told(), null);
  assert.equal((await readBatch(desk.ledger, batch))?.completed, 1);
});
