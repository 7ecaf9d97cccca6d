import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { makeId, makeSiblingId, slotOf } from '@sluice/job';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { createBatch, moveBatch } from './batches.ts';
import { storeOutcomes } from './calling.ts';
import { connectRedis } from './connect.ts';
import { acceptJob, deleteJob, endJob } from './jobs.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { feedChunks } from './placing.ts';
import { recordLines } from './recording-lines.ts';
import type { LinesEntry } from './recording-lines.ts';
import { finishBatch, holdRecorder, recordJob } from './recording.ts';
import type { JobRecord } from './recording.ts';
import { addUsage, noUsage, readUsage } from './usage.ts';
import type { CallSums, UsageCell, UsageFigures } from './usage.ts';

const HOUR = 500_000;
const NOW = HOUR * 3_600_000 + 5;
const RULES = { keepSeconds: 7_200, metadataKeys: ['project'], metadataValues: 2 };

let redis: TestRedis;
let ledger: Ledger;
before(async () => {
  redis = await startRedis();
  ledger = openLedger(connectRedis(redis.url, 'background'), 'test', { usage: RULES });
});
beforeEach(() => ledger.redis.flushall());
after(async () => {
  ledger.redis.disconnect();
  await redis.stop();
});

const call = (over: Partial<CallSums> = {}): CallSums & { deployment: string } => ({
  deployment: 'mini',
  attempts: 1,
  failedAttempts: 0,
  usage: { input: 10, cached: 4, output: 5, reasoning: 1 },
  costUsd: 0.1,
  unpriced: 0,
  unanswered: 0,
  ...over,
});

async function accepted(metadata: Record<string, string> = {}): Promise<string> {
  const id = makeId('job', randomBytes(16));
  const job = {
    id,
    tenant: 'team',
    pool: 'fast',
    model: 'fast',
    endpoint: '/v1/chat/completions' as const,
    priority: 'normal' as const,
    createdAt: NOW,
    deadlineAt: NOW + 60_000,
    body: '{}',
    shape: { characters: 1, maxOutput: null, inputs: 1 },
    formats: 1,
    maxTier: null,
    affinityKey: null,
    webhookUrl: null,
    metadata,
    retryOf: null,
  };
  await acceptJob(ledger, job, { checkAt: NOW, idempotency: null });
  return id;
}

/** An outcome in the stream of the id's slot. */
async function outcome(id: string): Promise<string> {
  const slot = slotOf(id);
  await holdRecorder(ledger, slot, { holder: 'r', ms: 60_000 });
  const item = { id, epoch: 0, places: [0], fields: ['m', '[]'] };
  await storeOutcomes(ledger, slot, [item], { writer: randomBytes(8).toString('hex'), id: 1 });
  const [row] = await ledger.redis.xrevrange(ledger.keys.outcomes(slot), '+', '-', 'COUNT', 1);
  return row?.[0] ?? '';
}

async function record(id: string, over: Partial<JobRecord> = {}): Promise<JobRecord> {
  return {
    id,
    streamId: await outcome(id),
    epoch: 0,
    holder: 'r',
    attempts: '{}',
    next: 'succeeded',
    now: NOW,
    keepSeconds: 60,
    eventId: 'evt_1',
    checkAt: NOW,
    used: call(),
    set: {},
    ...over,
  };
}

const end = (id: string, status: 'cancelled' | 'expired') =>
  endJob(ledger, id, { status, now: NOW, message: '', eventId: 'evt_2', keepSeconds: 60 });

const cells = async (): Promise<UsageCell[]> => (await readUsage(ledger, [HOUR]))[0] ?? [];

async function callsBy(
  name: 'tenant' | 'pool' | 'deployment',
): Promise<Record<string, UsageFigures>> {
  const sums: Record<string, UsageFigures> = {};
  for (const cell of await cells())
    if (cell.kind === 'calls') addUsage((sums[cell[name]] ??= noUsage()), cell.figures);
  return sums;
}

test('a job counts once, with all its calls, however often its outcome is recorded', async () => {
  const id = await accepted();
  const failed = call({ failedAttempts: 1, costUsd: 0, unanswered: 1, usage: noTokens });
  const first = await record(id, { next: 'retry', used: failed });
  await recordJob(ledger, first);
  await recordJob(ledger, first);
  const second = await record(id, { epoch: 1 });
  assert.equal((await recordJob(ledger, { ...second, holder: 'other' })).kind, 'not_recorder');
  await recordJob(ledger, second);
  await recordJob(ledger, second);
  assert.deepEqual(await callsBy('deployment'), {
    mini: {
      ...noUsage(),
      succeeded: 1,
      attempts: 2,
      failedAttempts: 1,
      input: 10,
      cached: 4,
      output: 5,
      reasoning: 1,
      costUsd: 0.1,
      unanswered: 1,
    },
  });
  assert.deepEqual(Object.keys(await callsBy('tenant')), ['team']);
  assert.deepEqual(Object.keys(await callsBy('pool')), ['fast']);
});

const noTokens = { input: 0, cached: 0, output: 0, reasoning: 0 };

test('a cancelled job counts once, and so does the late answer of its call, also when the job is deleted', async () => {
  const kept = await accepted();
  await end(kept, 'cancelled');
  await end(kept, 'cancelled');
  await recordJob(ledger, await record(kept));
  const deleted = await accepted();
  await end(deleted, 'expired');
  await deleteJob(ledger, deleted);
  await recordJob(ledger, await record(deleted));
  const { mini, '': none } = await callsBy('deployment');
  assert.deepEqual([mini?.attempts, mini?.costUsd, mini?.succeeded], [2, 0.2, 0]);
  assert.deepEqual([none?.cancelled, none?.expired, none?.attempts], [1, 1, 0]);
  const tenants = await callsBy('tenant');
  assert.deepEqual([tenants['team']?.attempts, tenants['']?.attempts], [1, 1]);
});

async function draining(lines: number, metadata: Record<string, string> | null) {
  const id = makeId('batch', randomBytes(16));
  const batch = {
    id,
    tenant: 'team',
    endpoint: '/v1/chat/completions' as const,
    inputFileId: 'file-0',
    completionWindow: '24h',
    createdAt: NOW,
    expiresAt: NOW + 60_000,
    priority: 'low' as const,
    metadata,
    webhookUrl: null,
    maxTier: null,
    maxCostUsd: null,
    outputExpiresAfter: null,
    retryOf: null,
  };
  await createBatch(ledger, batch, { checkAt: NOW, idempotency: null });
  await moveBatch(ledger, id, { from: ['validating'], to: 'in_progress', set: { total: lines } });
  return id;
}

test('lines count once whatever is recorded together, late answers are paid for, and what never ended counts with its batch', async () => {
  const batch = await draining(4, { project: 'x' });
  const chunk = {
    id: `${batch}~0.0`,
    batch,
    tenant: 'team',
    pool: 'fast',
    deployment: 'mini',
    tier: 1,
    epoch: 1,
    lines: [1, 2, 3, 4].map((line): [number, number, number, number, number] => [
      line,
      0,
      9,
      4,
      -1,
    ]),
    formats: 1,
    priority: 'low',
    createdAt: NOW,
    deadlineAt: NOW + 60_000,
  };
  const feed = { class: 0, cursor: 0, newCursor: 4, checkAt: NOW, leaderToken: 1 };
  assert.equal(await feedChunks(ledger, { batch, chunks: [chunk], ...feed }), 'fed');
  const entry = async (place: number, ok: boolean): Promise<LinesEntry> => ({
    ...call({ failedAttempts: ok ? 0 : 1 }),
    streamId: await outcome(chunk.id),
    chunk: chunk.id,
    bytes: 1,
    byDeployment: {},
    lines: [{ line: place + 1, ok, place }],
    retries: [],
  });
  const entries = [await entry(0, true), await entry(1, false), await entry(0, true)];
  const lines = { batch, holder: 'r', now: NOW, segment: { name: 's', start: 0 } };
  await recordLines(ledger, { ...lines, entries: entries.slice(1, 2) });
  await recordLines(ledger, { ...lines, entries });
  await recordLines(ledger, { ...lines, entries });
  await moveBatch(ledger, batch, { from: ['in_progress'], to: 'expiring' });
  const ending = { id: batch, from: ['expiring'], to: 'expired' as const, pool: 'fast', set: {} };
  const facts = { now: NOW, eventId: 'e', keepSeconds: 5, lapsesAt: NOW, extents: null };
  await finishBatch(ledger, { ...ending, ...facts });
  await finishBatch(ledger, { ...ending, ...facts });
  await recordLines(ledger, { ...lines, entries: [await entry(2, true)] });
  const { fast } = await callsBy('pool');
  assert.deepEqual(
    [fast?.succeeded, fast?.failed, fast?.expired, fast?.attempts, fast?.failedAttempts],
    [1, 1, 2, 4, 1],
  );
  assert.equal(fast?.costUsd.toFixed(9), '0.400000000');
  const project = noUsage();
  for (const cell of await cells()) {
    if (cell.kind !== 'metadata') continue;
    assert.equal(cell.value, 'x');
    addUsage(project, cell.figures);
  }
  assert.deepEqual({ ...project, costUsd: 0 }, { ...fast, costUsd: 0 });
});

test('of a metadata key only so many values of an hour are told apart, per tenant and slot', async () => {
  const first = await accepted({ project: 'a\0b' });
  const values = [{ project: 'other' }, { project: 'c' }, { project: 'd' }, { project: 'c' }, {}];
  for (const metadata of [{ project: 'a\0b' }, ...values]) {
    const id = makeSiblingId('job', first, randomBytes(16));
    await ledger.redis.hset(ledger.keys.job(id), {
      status: 'queued',
      tenant: 'team',
      metadata: JSON.stringify(metadata),
    });
    await end(id, 'cancelled');
  }
  const found = (await cells()).flatMap((cell) =>
    cell.kind === 'metadata' ? [[cell.value, cell.isRest, cell.figures.cancelled]] : [],
  );
  assert.deepEqual(
    found.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    [
      ['a\0b', false, 1],
      ['other', false, 1],
      [null, false, 1],
      [null, true, 3],
    ],
  );
});

test('amounts that Redis would refuse leave the sums numbers, and an hour lapses', async () => {
  const id = await accepted();
  const absurd = { input: Number.NaN, cached: Infinity, output: -Infinity, reasoning: 1e300 };
  await recordJob(ledger, await record(id, { used: call({ usage: absurd, costUsd: 1e300 }) }));
  const { mini } = await callsBy('deployment');
  assert.deepEqual(
    [mini?.input, mini?.cached, mini?.output, mini?.reasoning, mini?.costUsd],
    [0, 1e12, -1e12, 1e12, 1e12],
  );
  const ttl = await ledger.redis.ttl(ledger.keys.usage(slotOf(id), HOUR));
  assert.ok(ttl > 7_100 && ttl <= 7_200, String(ttl));
});
