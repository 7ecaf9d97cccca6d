import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import OpenAI5 from 'openai-5';
import { encodeRecorded } from '@sluice/files';
import { moveBatch, readBatch } from '@sluice/ledger';
import { until } from '@sluice/testing';
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

async function upload(purpose: 'batch' | 'user_data' = 'batch'): Promise<string> {
  const file = await toFile(Buffer.from(LINES), 'in.jsonl');
  return (await client.files.create({ file, purpose })).id;
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

test('a batch has every field of OpenAI’s object, and what Sluice adds', async () => {
  const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`, 'v']));
  const expiry = { anchor: 'created_at' as const, seconds: 3600 };
  const id = await upload();
  const batch = await client.batches.create(order(id, { metadata, output_expires_after: expiry }));
  const { sluice, ...rest } = batch as typeof batch & { sluice: object };
  assert.deepEqual(
    { ...rest },
    {
      id: batch.id,
      object: 'batch',
      endpoint: '/v1/chat/completions',
      model: null,
      errors: null,
      input_file_id: id,
      completion_window: '24h',
      status: 'validating',
      output_file_id: null,
      error_file_id: null,
      created_at: batch.created_at,
      in_progress_at: null,
      expires_at: batch.created_at + 86_400,
      finalizing_at: null,
      completed_at: null,
      failed_at: null,
      expired_at: null,
      cancelling_at: null,
      cancelled_at: null,
      request_counts: { total: 0, completed: 0, failed: 0 },
      usage: {
        input_tokens: 0,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: 0,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: 0,
      },
      metadata,
    },
  );
  assert.deepEqual(sluice, {
    priority: 'low',
    paused: false,
    paused_reason: null,
    eta_at: null,
    ideal_ms: null,
    cost_usd: 0,
    cost_estimate_usd: null,
    queued: 0,
    running: 0,
    by_deployment: {},
    blocked: [],
    retry_of: null,
  });
  assert.equal((await readBatch(api.ledger, batch.id))?.outputExpiresAfter, 3600);
  const old = new OpenAI5({ baseURL: `${api.url}/v1`, apiKey: 'any', maxRetries: 0 });
  assert.equal((await old.batches.retrieve(batch.id)).id, batch.id);
});

test('what goes beyond OpenAI is kept', async () => {
  const more = {
    completion_window: '90m',
    priority: 'normal',
    webhook_url: 'http://127.0.0.1:9/hook',
    max_tier: 1,
    max_cost_usd: 2.5,
  };
  const { status, json } = await api.call('POST /v1/batches', order(await upload(), more));
  assert.equal(status, 200);
  assert.equal(json.expires_at, json.created_at + 90 * 60);
  const stored = await readBatch(api.ledger, json.id);
  assert.equal(stored?.webhookUrl, more.webhook_url);
  assert.deepEqual([stored?.maxTier, stored?.maxCostUsd, stored?.priority], [1, 2.5, 'normal']);
});

test('mistakes are refused at once and name the field', async () => {
  const id = await upload();
  const seventeen = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v']));
  const bad: [object, string, RegExp][] = [
    [{ input_file_id: undefined }, 'input_file_id', /Missing required parameter: 'input_file_id'/],
    [{ endpoint: undefined }, 'endpoint', /Missing/],
    [{ completion_window: undefined }, 'completion_window', /Missing/],
    [{ endpoint: '/v1/images' }, 'endpoint', /"\/v1\/images".*\/v1\/responses/],
    [{ completion_window: '1y' }, 'completion_window', /"1y".*24h/],
    [{ completion_window: '0h' }, 'completion_window', /"0h"/],
    [{ metadata: seventeen }, 'metadata', /at most 16 pairs/],
    [{ metadata: { a: 'x'.repeat(513) } }, 'metadata.a', /at most 512/],
    [
      { output_expires_after: { anchor: 'created_at', seconds: 1 } },
      'output_expires_after.seconds',
      /3600/,
    ],
    [{ input_file_id: 'file-1' }, 'input_file_id', /cannot find file "file-1"/],
    [
      { input_file_id: await upload('user_data') },
      'input_file_id',
      /"user_data", allowed: "batch"/,
    ],
    [{ dry_run: true }, 'dry_run', /'dry_run' is not available yet/],
    [{ webhook_url: 'http://example.com', max_tier: 0 }, 'max_tier', /at least 1/],
    [{ max_cost_usd: -1 }, 'max_cost_usd', /-1/],
    [{ completion_windw: '24h' }, 'completion_windw', /Known here/],
  ];
  const newest = (await api.call('GET /v1/batches')).json.first_id;
  for (const [change, param, message] of bad) {
    const { status, json } = await api.call('POST /v1/batches', order(id, change));
    assert.equal(status, 400, JSON.stringify(change));
    assert.equal(json.error.param, param);
    assert.match(json.error.message, message);
  }
  assert.equal((await api.call('GET /v1/batches')).json.first_id, newest);
  const empty = await api.call('POST /v1/batches');
  assert.match(empty.json.error.message, /found nothing; allowed: a JSON object/);
});

test('JSON lines in the body make file and batch in one call, once per key', async () => {
  const type = { 'content-type': 'application/jsonl' };
  const query = 'completion_window=2h&priority=normal&metadata[a]=b&max_cost_usd=1.5';
  const send = (text: string, more = {}) =>
    api.call(`POST /v1/batches?${query}`, text, { ...type, ...more });
  const { status, json } = await send(LINES);
  assert.equal(status, 200);
  assert.equal(json.endpoint, '/v1/chat/completions');
  assert.deepEqual(json.metadata, { a: 'b' });
  assert.equal((await api.call(`GET /v1/files/${json.input_file_id}/content`)).text, LINES);
  const key = { 'idempotency-key': 'direct' };
  const first = await send(LINES, key);
  const stored = api.stored().length;
  assert.equal((await send(LINES, key)).json.id, first.json.id);
  assert.equal((await send(`${LINES}\n`, key)).status, 409);
  for (const text of ['', '\n\n', 'hello', '{"url":"/v1/x"}']) {
    assert.equal((await send(text)).status, 400, text);
  }
  assert.equal(api.stored().length, stored);
});

test('cancelling moves it once; an ended batch is a conflict', async () => {
  const { id } = await client.batches.create(order(await upload()));
  assert.equal((await client.batches.cancel(id)).status, 'cancelling');
  assert.equal((await client.batches.cancel(id)).status, 'cancelling');
  await moveBatch(api.ledger, id, { from: ['cancelling'], to: 'cancelled' });
  assert.equal((await client.batches.cancel(id)).status, 'cancelled');
  const done = await client.batches.create(order(await upload()));
  await moveBatch(api.ledger, done.id, { from: ['validating'], to: 'failed' });
  const late = await api.call(`POST /v1/batches/${done.id}/cancel`);
  assert.equal(late.status, 409);
  assert.equal(late.headers.get('x-should-retry'), 'false');
});

test('a batch is paused and resumed', async () => {
  const { id } = await client.batches.create(order(await upload()));
  assert.equal((await api.call(`POST /v1/batches/${id}/pause`)).json.sluice.paused, true);
  assert.equal((await api.call(`POST /v1/batches/${id}/resume`)).json.sluice.paused, false);
});

test('lists page newest first, as the client pages', async () => {
  const ids: string[] = [];
  for await (const batch of client.batches.list({ limit: 2 })) ids.push(batch.id);
  assert.equal(new Set(ids).size, ids.length);
  const all = (await api.call('GET /v1/batches?limit=100')).json;
  assert.deepEqual(
    all.data.map(({ id }: { id: string }) => id),
    ids,
  );
  assert.equal(all.has_more, false);
});

const customIds = (text: string): string[] =>
  text
    .trim()
    .split('\n')
    .map((row) => (JSON.parse(row) as { custom_id: string }).custom_id);

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

test('unknown batches are 404', async () => {
  const id = `batch_${'0'.repeat(32)}`;
  for (const [method, path] of [
    ['GET', ''],
    ['POST', '/cancel'],
    ['POST', '/pause'],
    ['POST', '/retry'],
    ['GET', '/results'],
    ['GET', '/events'],
  ]) {
    assert.equal((await api.call(`${method} /v1/batches/${id}${path}`)).status, 404);
  }
});
