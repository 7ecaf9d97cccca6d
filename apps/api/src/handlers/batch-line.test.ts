import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { loadConfig } from '@sluice/config';
import { createIndex, indexName } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import { moveBatch } from '@sluice/ledger';
import { until } from '@sluice/testing';
import type { Api } from '../api.ts';
import type { ApiRequest } from '../http/message.ts';
import { LineReads } from '../line-reads.ts';
import { FLEET, startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';
import { readLine } from './batch-line.ts';

const LINES = 40_000;
/** Line 3 is blank; the ends of lines are of both kinds. */
const textOf = (line: number): string =>
  line === 3
    ? '\n'
    : `{"custom_id":"λ${line}","method":"POST","url":"/v1/responses","body":{"model":"${line % 2 ? 'fast' : 'smart'}","input":"${'x'.repeat(200)}"}}${line % 5 ? '\n' : '\r\n'}`;

let api: TestApi;
let batchId: string;
let store: FileStore;
const loaded = loadConfig({ source: { text: FLEET }, env: {} });
assert.ok(loaded.kind === 'ok');
const { fleet } = loaded;
/** As long as nobody leads. */
const figures = {
  health: () => Promise.resolve(new Map()),
  loads: () => Promise.resolve(new Map()),
  atLimit: () => Promise.resolve(new Map()),
  firstInTurn: () => Promise.resolve([]),
};
before(async () => {
  api = await startTestApi();
  store = api.store();
  const text = Array.from({ length: LINES }, (_, i) => textOf(i + 1)).join('');
  const type = { 'content-type': 'application/jsonl' };
  const { json, status } = await api.call('POST /v1/batches', text, type);
  assert.equal(status, 200);
  batchId = json.id;
});
after(async () => {
  await store.close();
  await api.stop();
});

/** What validating leaves: an index per class, here of odd and of even lines. */
async function validate(): Promise<void> {
  const indexes = await Promise.all(
    [0, 1].map((i) => createIndex(store, indexName(batchId, `index-${i}`))),
  );
  const jobs = [0, 0];
  for (let line = 1, offset = 0; line <= LINES; line++) {
    const bytes = Buffer.byteLength(textOf(line));
    const length = Buffer.byteLength(textOf(line).trimEnd());
    const one = line % 2;
    const record = { line, offset, length, characters: 1, maxOutput: null, formats: 1 };
    if (length > 0) {
      await indexes[one]?.add(record);
      jobs[one] = (jobs[one] ?? 0) + 1;
    }
    offset += bytes;
  }
  for (const index of indexes) await index.commit();
  const classes = JSON.stringify(
    jobs.map((count, i) => ({
      index: `index-${i}`,
      pool: i === 1 ? 'fast' : 'smart',
      formats: 0xffff,
      characters: count,
      maxOutput: 0,
      unsetOutput: count,
      jobs: count,
    })),
  );
  const set = { total: LINES - 1, classes };
  await moveBatch(api.ledger, batchId, { from: ['validating'], to: 'in_progress', set });
}

/** A line, and the bytes that were read for it. */
async function read(line: number): Promise<{ job: Record<string, unknown>; bytes: number }> {
  let bytes = 0;
  const counting: FileStore = {
    ...store,
    async readAt(...at) {
      const found = await store.readAt(...at);
      bytes += found.length;
      return found;
    },
    async *read(...from) {
      for await (const chunk of store.read(...from)) {
        bytes += chunk.length;
        yield chunk;
      }
    },
  };
  const lines = new LineReads(api.ledger);
  const clock = { now: Date.now };
  const { ledger } = api;
  const ports = { ledger, lines, store: counting, fleet, figures, clock } as unknown as Api;
  const request = { caller: { id: 'default', pools: null } } as unknown as ApiRequest;
  const text = await readLine(ports, request, { batchId, line, waitMs: 0 });
  return { job: JSON.parse(text) as Record<string, unknown>, bytes };
}

const shown = async (line: number) => {
  const { job } = await read(line);
  return [job['id'], job['status'], job['model'], job['metadata']];
};

const expected = (line: number) => [
  `${batchId}.${line}`,
  'queued',
  line % 2 ? 'fast' : 'smart',
  { custom_id: `λ${line}` },
];

test('before there is an index a line is found by reading; a blank one and one too far are none', async () => {
  for (const line of [1, 2, 4, 5]) assert.deepEqual(await shown(line), expected(line));
  await assert.rejects(read(3), /job/);
  await assert.rejects(read(LINES + 1), /job/);
});

test('by the index the last line costs as little as the first', async () => {
  await validate();
  for (const line of [1, 2, 4, 5, 10, LINES / 2, LINES - 1, LINES]) {
    assert.deepEqual(await shown(line), expected(line));
    const { bytes } = await read(line);
    assert.ok(bytes < 500_000, `line ${line}: ${bytes} bytes read`);
  }
  await assert.rejects(read(3), /job/);
  await assert.rejects(read(LINES + 1), /job/);
  assert.equal((await api.call(`GET /v1/jobs/${batchId}.${LINES}`)).json.model, 'smart');
  assert.equal((await api.call(`GET /v1/jobs/${batchId}.3`)).status, 404);
});

test('a line that is not fed says what holds its batch, one on a queue does not', async () => {
  const { redis, keys } = api.ledger;
  const lineIs = async (line: number) => (await api.call(`GET /v1/jobs/${batchId}.${line}`)).json;
  assert.equal((await lineIs(1)).waiting, undefined);
  assert.equal((await api.call(`POST /v1/batches/${batchId}/pause`)).status, 200);
  const paused = `the batch is paused: POST /v1/batches/${batchId}/resume goes on with it`;
  assert.deepEqual((await lineIs(1)).waiting, { reason: paused, deployments: [] });
  assert.deepEqual((await api.call(`GET /v1/batches/${batchId}`)).json.sluice.waiting, {
    reason: paused,
  });
  const chunk = `${batchId}~0.0`;
  const fields = { status: 'queued', lines: '[[1,0,9,9,-1]]', deployment: 'mini' };
  await redis.hset(keys.chunk(chunk), fields);
  await redis.sadd(keys.chunks(batchId), chunk);
  assert.equal((await lineIs(1)).waiting, undefined);
  assert.equal((await lineIs(2)).waiting.reason, paused);
  await redis.hset(keys.chunk(chunk), 'status', 'running');
  assert.equal((await lineIs(1)).status, 'running');
  assert.equal((await lineIs(1)).waiting, undefined);
  await redis.hset(keys.chunk(chunk), 'gate', '1');
  const held = { reason: 'its call waits for the limits of mini', deployments: [] };
  assert.deepEqual((await lineIs(1)).waiting, held);
  await redis.del(keys.chunk(chunk), keys.chunks(batchId));
  assert.equal((await api.call(`POST /v1/batches/${batchId}/resume`)).status, 200);
});

test('a line that waits for what its ceiling has left says so, and what goes on at once, while it has no place', async () => {
  const { redis, keys } = api.ledger;
  const line = async () => (await api.call(`GET /v1/jobs/${batchId}.1`)).json;
  const chunk = `${batchId}~r1-0.0`;
  await redis.hset(keys.chunk(chunk), {
    status: 'queued',
    lines: '[[1,0,9,9,-1]]',
    deployment: '',
  });
  await redis.sadd(keys.chunks(batchId), chunk);
  const unpaid = { unpaid_lines: 1, unpaid_usd: 0.2 };
  await redis.hset(keys.batch(batchId), { max_cost: 1, cost: 0.9, ...unpaid });
  assert.match((await line()).waiting?.reason ?? '', /^max_cost_usd: 0\.100000 of 1 USD are left/);
  await redis.hset(keys.chunk(chunk), 'deployment', 'mini');
  assert.equal((await line()).waiting, undefined);
  await redis.hset(keys.chunk(chunk), 'deployment', '');
  const resumed = await api.call(`POST /v1/batches/${batchId}/resume`, { max_cost_usd: null });
  assert.equal(resumed.status, 200);
  assert.equal((await line()).waiting, undefined, 'it has no ceiling now');
  await redis.hset(keys.batch(batchId), 'max_cost', 2);
  assert.equal((await line()).waiting, undefined, 'what was told was of the one before');
  await redis.hdel(keys.batch(batchId), 'max_cost', 'cost');
  await redis.del(keys.chunk(chunk), keys.chunks(batchId));
});

const first = (pool: string, batch: string) => ({
  tenant: 'default',
  priority: 'low',
  pool,
  batch,
});

test('a batch, and its lines, say which batch of the tenant goes first, once all of their pools wait for it', async () => {
  const { redis, keys } = api.ledger;
  const waiting = async (): Promise<unknown> =>
    (await api.call(`GET /v1/batches/${batchId}`)).json.sluice.waiting;
  await redis.set(keys.firstInTurn, JSON.stringify([first('fast', 'batch_other')]));
  assert.equal(await waiting(), null, 'its lines for the other pool have turns');
  const rows = [first('fast', 'batch_other'), first('smart', 'batch_other')];
  await redis.set(keys.firstInTurn, JSON.stringify(rows));
  const reason =
    'batch_other of the same tenant goes first: of its batches the one with the earliest deadline, of equals the oldest';
  await until(
    'the second that figures are kept for is over',
    async () => (await waiting()) !== null,
  );
  assert.deepEqual(await waiting(), { reason });
  const { json } = await api.call(`GET /v1/jobs/${batchId}.1`);
  assert.deepEqual(json.waiting, { reason, deployments: [] });
  await redis.sadd(keys.chunks(batchId), `${batchId}~0.0`);
  assert.equal(await waiting(), null, 'some of it is under way');
  await redis.del(keys.chunks(batchId), keys.firstInTurn);
});
