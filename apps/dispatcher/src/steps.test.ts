/** Steps of a batch's life, against a real Redis and store: however it ends, it ends, and every line is accounted for. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeId, slotOf } from '@sluice/job';
import {
  askDryRun,
  createFile,
  forgetDryRun,
  MISSING_MS,
  moveBatch,
  readBatch,
  readDryRunAnswer,
  readFile,
  readStepTrouble,
  readUnread,
} from '@sluice/ledger';
import type { DryRun, DryRunAnswer, StoredBatch } from '@sluice/ledger';
import type { StepData } from '@sluice/queues';
import { rowsOf } from '@sluice/testing';
import { request } from './batch/temp-batch.ts';
import { LargeFiles } from './large-files.ts';
import { recordBatch } from './record-batch.ts';
import { Desk } from './test-desk.ts';
import type { StepPorts } from './step-ports.ts';
import { runStep } from './steps.ts';

let desk: Desk;
let ports: StepPorts;
before(async () => {
  desk = await Desk.open();
  ports = {
    ledger: desk.ledger,
    store: desk.store,
    fleet: desk.fleet,
    routes: [],
    maxLines: 1_000,
    maxLineBytes: 10_000,
    poolsOf: () => null,
    filesMs: 60_000,
    keepSeconds: 60,
    events: desk.ports.events,
    now: () => desk.time,
    estimate: () =>
      Promise.resolve({
        idealMs: null,
        etaMs: null,
        pools: {},
        assumed: { outputTokens: {}, deployments: {} },
        inputTokens: { low: 0, likely: 0, high: 0 },
        outputTokens: { low: 0, likely: 0, high: 0 },
        costUsd: null,
      }),
    onStart: () => undefined,
    onEnd: () => undefined,
    validating: new Map(),
    underWay: new Set(),
    troubled: new Set(),
    largeFiles: new LargeFiles(),
    dryRuns: new Set(),
    signal: new AbortController().signal,
  };
});
after(() => desk.close());

/** An uploaded input file; its id. */
async function uploaded(lines: readonly string[]): Promise<string> {
  const id = makeId('file', randomBytes(16));
  const writing = await desk.store.create(`files/${id}`);
  await writing.write(Buffer.from(`${lines.join('\n')}\n`));
  const { bytes } = await writing.commit();
  await createFile(desk.ledger, {
    id,
    tenant: 'default',
    bytes,
    createdAt: desk.time,
    filename: 'in.jsonl',
    purpose: 'batch',
    expiresAt: null,
    storeName: `files/${id}`,
  });
  return id;
}

const good = (n: number) =>
  Array.from({ length: n }, (_, i) => JSON.stringify(request(`c${i + 1}`)));

const cancel = (id: string) =>
  moveBatch(desk.ledger, id, { from: ['validating', 'in_progress'], to: 'cancelling' });

const batchOf = async (id: string): Promise<StoredBatch> => {
  const batch = await readBatch(desk.ledger, id);
  assert.ok(batch);
  return batch;
};

interface Row {
  custom_id: string | null;
  error: { code: string } | null;
}

async function rowsOfFile(fileId: string | null): Promise<Row[]> {
  const file = fileId === null ? null : await readFile(desk.ledger, fileId);
  if (!file) return [];
  const text = (await desk.store.readAt(file.storeName, 0, file.bytes)).toString();
  return rowsOf(text);
}

test('cancelled before it was validated: every line is reported as cancelled', async () => {
  const inputFileId = await uploaded(good(3));
  const id = await desk.validatingBatch({ inputFileId });
  await cancel(id);
  assert.deepEqual(await runStep(ports, { batch: id, step: 'wind_down' }), { kind: 'done' });
  const batch = await batchOf(id);
  assert.deepEqual([batch.status, batch.total, batch.completed], ['cancelled', 3, 0]);
  const rows = await rowsOfFile(batch.errorFileId);
  assert.deepEqual(
    rows.map(({ custom_id: customId, error }) => [customId, error?.code]),
    [
      ['c1', 'batch_cancelled'],
      ['c2', 'batch_cancelled'],
      ['c3', 'batch_cancelled'],
    ],
  );
});

test('cancelled while it is validated: the same, whichever step comes first', async () => {
  const inputFileId = await uploaded(good(200));
  const id = await desk.validatingBatch({ inputFileId });
  const validating = runStep(ports, { batch: id, step: 'validate' });
  await cancel(id);
  await runStep(ports, { batch: id, step: 'wind_down' });
  await validating;
  const batch = await batchOf(id);
  assert.deepEqual([batch.status, batch.total], ['cancelled', 200]);
  assert.equal((await rowsOfFile(batch.errorFileId)).length, 200);
});

test('a batch that began without a word is fed when its step is run again, and is looked after soon', async () => {
  const inputFileId = await uploaded(good(2));
  const id = await desk.validatingBatch({ inputFileId });
  const started: string[] = [];
  const telling = { ...ports, onStart: (batch: StoredBatch) => void started.push(batch.id) };
  // Its process died in between, or could not read the record.
  await runStep(ports, { batch: id, step: 'validate' });
  const { redis, keys } = desk.ledger;
  const checkAt = Number(await redis.zscore(keys.check(slotOf(id)), id));
  assert.ok(checkAt <= desk.time + 2_000, `${checkAt - desk.time} ms`);
  await runStep(telling, { batch: id, step: 'validate' });
  assert.deepEqual(started, [id]);
});

test('a batch that begins though the answer of its move is lost is fed at once', async () => {
  const inputFileId = await uploaded(good(2));
  const id = await desk.validatingBatch({ inputFileId });
  const started: string[] = [];
  const begins = (): Promise<unknown> =>
    moveBatch(desk.ledger, id, { from: ['validating'], to: 'in_progress' });
  const sentBefore = {
    ...ports,
    onStart: (batch: StoredBatch) => void started.push(batch.id),
    // As if what follows were sent a second time.
    estimate: async (batch: Parameters<StepPorts['estimate']>[0]) => {
      await begins();
      return ports.estimate(batch);
    },
  };
  await runStep(sentBefore, { batch: id, step: 'validate' });
  assert.deepEqual(started, [id]);
});

test('a step that is under way is not begun a second time: its entry comes again when it has ended', async () => {
  const inputFileId = await uploaded(good(2));
  const id = await desk.validatingBatch({ inputFileId });
  await runStep(ports, { batch: id, step: 'validate' });
  await moveBatch(desk.ledger, id, { from: ['in_progress'], to: 'expiring' });
  let ends = 0;
  const counting = { ...ports, onEnd: () => void ends++ };
  const step = { batch: id, step: 'finalise' } as const;
  const [first, again] = await Promise.all([runStep(counting, step), runStep(counting, step)]);
  assert.deepEqual([first.kind, again.kind, ends], ['done', 'again', 1]);
  assert.equal((await batchOf(id)).status, 'expired');
  assert.equal((await runStep(counting, step)).kind, 'done');
  assert.equal(ends, 1);
});

test('cancelled before it was validated, and invalid: it ends as cancelled and says what is wrong', async () => {
  const inputFileId = await uploaded(['not json']);
  const id = await desk.validatingBatch({ inputFileId });
  await cancel(id);
  await runStep(ports, { batch: id, step: 'wind_down' });
  const batch = await batchOf(id);
  assert.equal(batch.status, 'cancelled');
  assert.equal(batch.errors[0]?.line, 1);
});

test('past its window with its input gone: it ends, and its lines are reported by number', async () => {
  const inputFileId = await uploaded(good(2));
  const id = await desk.validatingBatch({ inputFileId, expiresAt: desk.time + 1_000 });
  await runStep(ports, { batch: id, step: 'validate' });
  await desk.store.remove(`files/${inputFileId}`);
  desk.time += 1_000;
  await untilDone({ batch: id, step: 'wind_down' });
  const batch = await batchOf(id);
  assert.deepEqual([batch.status, batch.total], ['expired', 2]);
  const rows = await rowsOfFile(batch.errorFileId);
  assert.deepEqual(
    rows.map(({ custom_id: customId, error }) => [customId, error?.code]),
    [
      [null, 'batch_expired'],
      [null, 'batch_expired'],
    ],
  );
});

test('with its input and its indexes gone it ends as failed, and says so', async () => {
  const inputFileId = await uploaded(good(2));
  const id = await desk.validatingBatch({ inputFileId });
  await runStep(ports, { batch: id, step: 'validate' });
  await desk.store.remove(`files/${inputFileId}`);
  await desk.store.removeAll(`batches/${id}`);
  await cancel(id);
  await untilDone({ batch: id, step: 'wind_down' });
  const batch = await batchOf(id);
  assert.equal(batch.status, 'failed');
  assert.equal(batch.errors[0]?.code, 'input_file_gone');
});

test('an input that is missing when the batch begins is looked for again, and it begins when it is there', async () => {
  const inputFileId = await uploaded(good(2));
  const id = await desk.validatingBatch({ inputFileId });
  await desk.store.remove(`files/${inputFileId}`);
  const step: StepData = { batch: id, step: 'validate' };
  assert.deepEqual(await runStep(ports, step), { kind: 'again', afterMs: 2_000 });
  assert.equal((await batchOf(id)).status, 'validating');
  assert.equal(
    (await readUnread(desk.ledger, id, desk.time))?.file,
    `files/${inputFileId}`,
    'whoever asks is told',
  );
  const writing = await desk.store.create(`files/${inputFileId}`);
  await writing.write(Buffer.from(`${good(2).join('\n')}\n`));
  await writing.commit();
  desk.time += 2_000;
  assert.deepEqual(await runStep(ports, step), { kind: 'done' });
  assert.deepEqual(
    [(await batchOf(id)).status, await readUnread(desk.ledger, id, desk.time)],
    ['in_progress', null],
  );
});

test('an input that stays missing for five minutes is gone: the batch fails', async () => {
  const inputFileId = await uploaded(good(2));
  const id = await desk.validatingBatch({ inputFileId });
  await desk.store.remove(`files/${inputFileId}`);
  const began = desk.time;
  await untilDone({ batch: id, step: 'validate' });
  assert.ok(desk.time - began >= MISSING_MS);
  const batch = await batchOf(id);
  assert.deepEqual([batch.status, batch.errors[0]?.param], ['failed', 'input_file_id']);
});

test('results that are missing from the store are looked for until they are there', async () => {
  const inputFileId = await uploaded(good(2));
  const id = await desk.validatingBatch({ inputFileId });
  await runStep(ports, { batch: id, step: 'validate' });
  const { redis, keys } = desk.ledger;
  await redis.rpush(keys.extents(id), 'batches/b/s 0 9');
  await cancel(id);
  const began = desk.time;
  const waits: number[] = [];
  while (desk.time < began + 2 * MISSING_MS) {
    const end = await runStep(ports, { batch: id, step: 'wind_down' });
    assert.ok(end.kind === 'again');
    waits.push(end.afterMs);
    desk.time += end.afterMs;
  }
  assert.deepEqual(waits.slice(0, 4), [2_000, 2_000, 4_000, 8_000]);
  assert.equal(waits.at(-1), 60_000);
  assert.equal((await batchOf(id)).status, 'cancelling');
});

const ROFS = Object.assign(new Error("EROFS: read-only file system, open '/srv/files/x'"), {
  code: 'EROFS',
});

test('a step that fails, whatever the reason, is run again; its batch and the log say so until it works', async () => {
  const inputFileId = await uploaded(good(2));
  const id = await desk.validatingBatch({ inputFileId });
  const logged: object[] = [];
  const events = { ...ports.events, failed: (fields: object) => void logged.push(fields) };
  const failing = { ...ports, events, estimate: () => Promise.reject(ROFS) };
  const step: StepData = { batch: id, step: 'validate' };
  const began = desk.time;
  const waits: number[] = [];
  while (waits.length < 8) {
    const end = await runStep(failing, step);
    assert.ok(end.kind === 'again');
    waits.push(end.afterMs);
    desk.time += end.afterMs;
  }
  assert.deepEqual(waits, [2_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  assert.deepEqual(logged[0], { what: `validate of ${id}`, error: String(ROFS) });
  const trouble = await readStepTrouble(desk.ledger, id);
  assert.deepEqual(
    [trouble?.step, trouble?.error, trouble?.since],
    ['validate', 'EROFS: read-only file system', began],
  );
  desk.time = began;
  assert.deepEqual(await runStep(ports, step), { kind: 'done' });
  assert.equal(await readStepTrouble(desk.ledger, id), null);
});

/** Runs a step again as it wishes. */
async function untilDone(step: StepData): Promise<void> {
  for (;;) {
    const end = await runStep(ports, step);
    if (end.kind === 'done') return;
    desk.time += end.afterMs;
  }
}

test('a cancelled batch waits for its own answers, not for those of another that go on coming', async () => {
  const { batch, chunk } = await desk.fedBatch(1);
  const answers = await desk.answered({ id: chunk, epoch: 1 }, [{ line: 1 }]);
  await cancel(batch);
  const windDown = () => runStep(ports, { batch, step: 'wind_down' });
  assert.equal((await windDown()).kind, 'again');
  const { redis, keys } = desk.ledger;
  await redis.xadd(keys.outcomes(answers[0]?.slot as number), '*', 'id', 'another', 'e', '1');
  assert.equal((await windDown()).kind, 'again');
  await recordBatch(desk.ports, batch, answers);
  assert.equal((await windDown()).kind, 'done');
  const { status, completed } = await batchOf(batch);
  assert.deepEqual([status, completed], ['cancelled', 1]);
});

test('lines go where the routes say, by their own features and those of their batch', async () => {
  const inputFileId = await uploaded([
    JSON.stringify(request('named', { body: { model: 'fast', messages: [{ role: 'user' }] } })),
    JSON.stringify(request('routed', { body: { model: 'next-1', messages: [{ role: 'user' }] } })),
  ]);
  const next = {
    name: 'next',
    when: { model: ['next-*'], metadata: { purpose: ['eval'] }, priority: ['low'] },
    arms: [{ pool: 'fast', percent: 100 }],
    maxTier: null,
    priority: null,
  } as const;
  const validated = async (metadata: Record<string, string>): Promise<StoredBatch> => {
    const id = await desk.validatingBatch({ inputFileId, metadata });
    await runStep({ ...ports, routes: [next] }, { batch: id, step: 'validate' });
    return batchOf(id);
  };
  const { status, classes } = await validated({ purpose: 'eval' });
  assert.deepEqual(
    [status, classes.map(({ pool, jobs }) => [pool, jobs])],
    ['in_progress', [['fast', 2]]],
  );
  const other = await validated({ purpose: 'other' });
  assert.deepEqual(
    [other.status, other.errors[0]?.code, other.errors[0]?.line],
    ['failed', 'model_not_found', 2],
  );
});

test('a dry run answers and keeps nothing else; one that nobody waits for any more is not made', async () => {
  const { ledger } = desk;
  const inputFileId = await uploaded([...good(3), '{']);
  const run: DryRun = {
    id: makeId('batch', randomBytes(16)),
    tenant: 'default',
    endpoint: '/v1/chat/completions',
    inputFileId,
    storeName: `files/${inputFileId}`,
    priority: 'low',
    metadata: null,
    maxTier: null,
    maxCostUsd: null,
    createdAt: desk.time,
    expiresAt: desk.time + 60_000,
  };
  await askDryRun(ledger, run);
  await runStep(ports, { batch: run.id, step: 'dry_run' });
  const answer = (await readDryRunAnswer(ledger, run.id)) as DryRunAnswer;
  assert.deepEqual([answer.lines, answer.badLines], [4, 1]);
  assert.deepEqual(
    answer.errors.map(({ line }) => line),
    [4],
  );
  assert.deepEqual(ports.dryRuns.size, 0);
  await forgetDryRun(ledger, run.id);
  await runStep(ports, { batch: run.id, step: 'dry_run' });
  assert.equal(await readDryRunAnswer(ledger, run.id), null);
});

test('of two dry runs at once a third waits, so that batches begin meanwhile', async () => {
  const busy = { ...ports, dryRuns: new Set(['a', 'b']) };
  const id = makeId('batch', randomBytes(16));
  assert.deepEqual(await runStep(busy, { batch: id, step: 'dry_run' }), { kind: 'done' });
  const { redis, keys } = desk.ledger;
  await redis.set(keys.dryRun(id), '{}');
  assert.equal((await runStep(busy, { batch: id, step: 'dry_run' })).kind, 'again');
});

test('validated when the term ends: it stops at once, and whoever leads next validates it from the beginning', async () => {
  const inputFileId = await uploaded(good(5_000));
  const id = await desk.validatingBatch({ inputFileId });
  const stopping = new AbortController();
  const ended = { ...ports, maxLines: 5_000, validating: new Map(), signal: stopping.signal };
  const validating = runStep(ended, { batch: id, step: 'validate' });
  stopping.abort();
  assert.deepEqual(await validating, { kind: 'again', afterMs: 0 });
  assert.deepEqual((await batchOf(id)).status, 'validating');
  await runStep({ ...ports, maxLines: 5_000 }, { batch: id, step: 'validate' });
  const { status, total } = await batchOf(id);
  assert.deepEqual([status, total], ['in_progress', 5_000]);
});
