import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import { encodeRecorded } from '@sluice/files';
import { moveBatch, readBatch } from '@sluice/ledger';
import { rowsOf, until } from '@sluice/testing';
import { startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

let api: TestApi;
let client: OpenAI;
before(async () => {
  api = await startTestApi();
  client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'any', maxRetries: 0 });
});
after(() => api.stop());

const line = (id: string): string =>
  `{"custom_id":"${id}","method":"POST","url":"/v1/chat/completions","body":{"model":"fast","messages":[]}}\n`;
const LINES = ['a', 'b', 'c'].map(line).join('');

async function upload(): Promise<string> {
  const file = await toFile(Buffer.from(LINES), 'in.jsonl');
  return (await client.files.create({ file, purpose: 'batch' })).id;
}

const order = (id: string, change: object = {}) => ({
  input_file_id: id,
  endpoint: '/v1/chat/completions' as const,
  completion_window: '24h' as const,
  ...change,
});

/** What the dispatcher would do: lines with their outcome, recorded. */
async function record(batchId: string, rows: [line: number, ok: boolean][]): Promise<void> {
  const { redis, keys } = api.ledger;
  const segment = `batches/${batchId}/segment-test`;
  const text = rows.map(([number, ok]) => {
    const body = ok ? '{"id":"x"}' : '{"error":{"message":"no"}}';
    const attempt = `{"deployment":"mini","started_at":10.5,"took_ms":1500,"outcome":"${ok ? 'ok' : 'bad_request'}","error":${ok ? null : '"no"'}}`;
    return encodeRecorded({
      line: number,
      ok,
      output: `{"id":"batch_req_${number}","custom_id":"${'abc'[number - 1]}","response":{"status_code":${ok ? 200 : 400},"request_id":"r","body":${body}},"error":null}`,
      extras: `{"deployment":"mini","tier":1,"attempts":[${attempt}],"cost_usd":0.5}`,
    });
  });
  const store = api.store();
  const appender = await store.appender(segment);
  const extent = await appender.append([Buffer.from(text.join(''))]);
  await appender.close();
  await redis.rpush(keys.extents(batchId), `${extent.segment} ${extent.start} ${extent.end}`);
  for (const [number, ok] of rows) {
    await redis.setbit(keys.seen(batchId), number, 1);
    await redis.hincrby(keys.batch(batchId), ok ? 'completed' : 'failed', 1);
  }
  await redis.publish(keys.changes, `${batchId} in_progress`);
}

const begin = (id: string) =>
  moveBatch(api.ledger, id, {
    from: ['validating'],
    to: 'in_progress',
    set: { total: 3, in_progress_at: Date.now() },
  });

const customIds = (text: string): string[] =>
  rowsOf<{ custom_id: string }>(text).map((row) => row.custom_id);

test('results come while it runs, each line once, in an order that stays; following goes on to the end', async () => {
  const { id } = await client.batches.create(order(await upload()));
  await begin(id);
  await record(id, [[2, true]]);
  const following = fetch(`${api.url}/v1/batches/${id}/results?follow=true`).then((r) => r.text());
  const skipping = fetch(`${api.url}/v1/batches/${id}/results?follow=true&after=2`).then((r) =>
    r.text(),
  );
  const now = await api.call(`GET /v1/batches/${id}/results`);
  assert.match(now.headers.get('content-type') ?? '', /jsonl/);
  assert.deepEqual(JSON.parse(now.text), {
    id: 'batch_req_2',
    custom_id: 'b',
    response: { status_code: 200, request_id: 'r', body: { id: 'x' } },
    error: null,
    sluice: JSON.parse(now.text).sluice,
  });
  assert.equal(JSON.parse(now.text).sluice.deployment, 'mini');
  await record(id, [
    [2, true],
    [1, false],
  ]);
  await record(id, [[3, true]]);
  await moveBatch(api.ledger, id, { from: ['in_progress'], to: 'completed' });
  assert.deepEqual(customIds(await following), ['b', 'a', 'c']);
  assert.deepEqual(customIds(await skipping), ['c']);
  const rest = await api.call(`GET /v1/batches/${id}/results?after=1`);
  assert.deepEqual(customIds(rest.text), ['a', 'c']);
});

test('a line of a batch is read as a job: queued, failed, succeeded, cancelled', async () => {
  const { id } = await client.batches.create(order(await upload()));
  await begin(id);
  await record(id, [
    [1, true],
    [2, false],
  ]);
  const get = async (number: number, query = '') =>
    (await api.call(`GET /v1/jobs/${id}.${number}${query}`)).json;
  const first = await get(1);
  assert.equal(first.id, `${id}.1`);
  assert.deepEqual([first.status, first.model, first.cost_usd], ['succeeded', 'fast', 0.5]);
  assert.deepEqual([first.started_at, first.ended_at], [10, 12]);
  assert.deepEqual(first.result, { status_code: 200, body: { id: 'x' } });
  const second = await get(2);
  assert.deepEqual(
    [second.status, second.error],
    ['failed', { code: 'bad_request', message: 'no' }],
  );
  assert.equal((await get(3)).status, 'queued');
  const waiting = get(3, '?wait_ms=20000');
  await moveBatch(api.ledger, id, {
    from: ['in_progress'],
    to: 'cancelled',
    set: { cancelled_at: 99_000 },
  });
  const third = await waiting;
  assert.deepEqual([third.status, third.ended_at], ['cancelled', 99]);
  assert.equal((await api.call(`GET /v1/jobs/${id}.4`)).status, 404);
});

test('a retry takes the lines that did not succeed', async () => {
  const { id } = await client.batches.create(order(await upload(), { metadata: { a: 'b' } }));
  await begin(id);
  assert.equal((await api.call(`POST /v1/batches/${id}/retry`)).status, 409);
  await record(id, [
    [1, true],
    [2, false],
  ]);
  await moveBatch(api.ledger, id, { from: ['in_progress'], to: 'expired' });
  const { status, json } = await api.call(`POST /v1/batches/${id}/retry`);
  assert.equal(status, 200);
  assert.equal(json.sluice.retry_of, id);
  assert.deepEqual(json.metadata, { a: 'b' });
  const rest = await api.call(`GET /v1/files/${json.input_file_id}/content`);
  assert.equal(rest.text, line('b') + line('c'));
});

/** A batch of which a line succeeded, ended by its window. */
async function expired(): Promise<string> {
  const { id } = await client.batches.create(order(await upload()));
  await begin(id);
  await record(id, [[1, true]]);
  await moveBatch(api.ledger, id, { from: ['in_progress'], to: 'expired' });
  return id;
}

test('a repeated retry makes no second batch, with a key or without one', async () => {
  const id = await expired();
  const retry = (headers = {}) => api.call(`POST /v1/batches/${id}/retry`, undefined, headers);
  const stored = api.stored().length;
  const answers = await Promise.all([retry(), retry(), retry()]);
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  const [made] = new Set(answers.map(({ json }) => json.id));
  assert.equal(new Set(answers.map(({ json }) => json.id)).size, 1);
  assert.equal(api.stored().length, stored + 1, 'one input');
  const again = await retry();
  assert.deepEqual([again.json.id, again.headers.get('idempotent-replayed')], [made, 'true']);
  const key = { 'idempotency-key': `retry of ${id}` };
  const keyed = await retry(key);
  assert.equal(keyed.json.id, made);

  await moveBatch(api.ledger, made, { from: ['validating'], to: 'expired' });
  const late = await retry();
  assert.deepEqual([late.status, late.headers.get('x-should-retry')], [409, 'false']);
  assert.match(
    late.json.error.message,
    new RegExp(`retried already, as ${made}, which is expired`),
  );
  assert.equal((await retry(key)).text, keyed.text, 'the same answer as the first time');
  assert.equal(api.stored().length, stored + 1);
});

test('a retry whose input is deleted meanwhile says that it is gone', async () => {
  const id = await expired();
  const { input_file_id: input } = (await api.call(`GET /v1/batches/${id}`)).json;
  // Its record is still there: it was read before.
  await api.store().remove(`files/${input}`);
  const { status, json } = await api.call(`POST /v1/batches/${id}/retry`);
  assert.deepEqual([status, json.error.code], [400, 'invalid_file']);
  assert.match(json.error.message, new RegExp(`the input of ${id}, ${input}, is gone`));
});

test('a retry that failed before its first line is made anew', async () => {
  const id = await expired();
  const first = (await api.call(`POST /v1/batches/${id}/retry`)).json.id;
  await moveBatch(api.ledger, first, { from: ['validating'], to: 'failed' });
  const second = await api.call(`POST /v1/batches/${id}/retry`);
  assert.equal(second.status, 200);
  assert.notEqual(second.json.id, first);
});

test('events tell the state, progress and the end', async () => {
  const { id } = await client.batches.create(order(await upload()));
  const response = await fetch(`${api.url}/v1/batches/${id}/events`);
  const read = response.text();
  await begin(id);
  await record(id, [[1, true]]);
  await until(
    'the batch has begun',
    async () => (await readBatch(api.ledger, id))?.completed === 1,
  );
  await moveBatch(api.ledger, id, { from: ['in_progress'], to: 'completed' });
  const text = await read;
  const names = [...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name);
  assert.equal(names[0], 'batch.validating');
  assert.equal(names.at(-1), 'batch.completed');
  assert.equal(JSON.parse(text.split('data: ').at(-1) as string).request_counts.completed, 1);
});

test('blocked deployments are listed from the first line on and until a call succeeds; an overtaken ETA is not shown', async () => {
  const { id } = await client.batches.create(order(await upload()));
  const { redis, keys } = api.ledger;
  const classes = JSON.stringify([{ index: 'index-0', pool: 'fast', formats: 1, jobs: 3 }]);
  const health = { state: 'half_open', blocked: 'credential', reason: 'refused', since: 5 };
  await redis.hset(keys.health, 'mini', JSON.stringify(health));
  const set = { total: 3, classes, eta_at: Date.now() + 60_000 };
  await moveBatch(api.ledger, id, { from: ['validating'], to: 'in_progress', set });
  const shown = async () =>
    (await (await fetch(`${api.url}/v1/batches/${id}`)).json()) as {
      sluice: {
        blocked: object[];
        eta_at: number | null;
        cost_usd: number;
        by_pool: Record<string, number>;
      };
    };
  const { sluice } = await until('it is listed', async () => {
    const batch = await shown();
    return batch.sluice.blocked.length > 0 && batch;
  });
  assert.deepEqual(sluice.blocked, [{ deployment: 'mini', reason: 'refused' }]);
  assert.ok(sluice.eta_at !== null && sluice.eta_at * 1000 > Date.now());
  await redis.hset(keys.health, 'mini', JSON.stringify({ ...health, blocked: null }));
  await moveBatch(api.ledger, id, { from: ['in_progress'], set: { eta_at: Date.now() - 1 } });
  await until('it is listed no more', async () => (await shown()).sluice.blocked.length === 0);
  assert.equal((await shown()).sluice.eta_at, null);
  const broken = { state: 'broken', reason: 'too many of its last calls failed', since: 5 };
  await redis.hset(keys.health, 'mini', JSON.stringify(broken));
  await until('what stands still says why', async () => (await shown()).sluice.blocked.length > 0);
  assert.deepEqual((await shown()).sluice.blocked, [{ deployment: 'mini', reason: broken.reason }]);
  await moveBatch(api.ledger, id, {
    from: ['in_progress'],
    to: 'completed',
    set: { eta_at: Date.now() + 60_000, cost: '0.30000000000000004' },
  });
  const ended = (await shown()).sluice;
  assert.equal(ended.eta_at, null, 'it is there');
  assert.deepEqual([ended.cost_usd, ended.by_pool], [0.3, { fast: 3 }]);
});
