import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { listIds, readJob } from '@sluice/ledger';
import type { StoredJob } from '@sluice/ledger';
import { until } from '@sluice/testing';
import { chat, endJobAs, startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

let api: TestApi;
let client: OpenAI;
before(async () => {
  api = await startTestApi();
  client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'any', maxRetries: 0 });
});
after(() => api.stop());

/** The one open job: what the dispatcher would be given. */
const openJob = (): Promise<StoredJob> =>
  until('a job', async () => {
    const [id] = await listIds(api.ledger, { kind: 'jobs', tenant: null, order: 'desc' }, 1);
    const job = id ? await readJob(api.ledger, id) : null;
    return job?.status === 'queued' ? job : null;
  });

const answerWith = async (fields: Record<string, string | number>): Promise<StoredJob> => {
  const job = await openJob();
  await endJobAs(api.ledger, job.id, fields);
  return job;
};

test('the provider’s answer comes back untouched, with the job’s id', async () => {
  const asked = client.chat.completions
    .create({
      model: 'gpt-4o-mini',
      ...(chat() as object),
      messages: [{ role: 'user', content: 'hi' }],
    })
    .withResponse();
  const body =
    '{"id":"chatcmpl-1","object":"chat.completion", "choices":[],"big":12345678901234567890}';
  const job = await answerWith({ status: 'succeeded', result_status: 200, result_body: body });
  const { data, response } = await asked;
  assert.equal(data.id, 'chatcmpl-1');
  assert.equal(response.headers.get('x-sluice-job-id'), job.id);
  assert.equal(job.priority, 'interactive');
  assert.deepEqual([job.pool, job.endpoint], ['fast', '/v1/chat/completions']);
});

test('a provider’s refusal comes back with its status and body', async () => {
  const asked = api.call('POST /v1/embeddings', { model: 'fast', input: 'x' });
  const body = '{"error":{"message":"no","type":"t","param":null,"code":"c"}}';
  await answerWith({ status: 'failed', result_status: 422, result_body: body });
  const { status, text } = await asked;
  assert.deepEqual([status, text], [422, body]);
});

test('a failure that was tried often enough is told once: the SDK does not ask again', async () => {
  let calls = 0;
  const patient = new OpenAI({
    baseURL: `${api.url}/v1`,
    apiKey: 'any',
    maxRetries: 2,
    fetch: (url, init) => {
      if (calls++ > 0) throw new Error('it asks again');
      return fetch(url, init);
    },
  });
  const asked = patient.chat.completions.create({
    model: 'fast',
    messages: [{ role: 'user', content: 'hi' }],
  });
  const body = '{"error":{"message":"broken","type":"server_error","param":null,"code":null}}';
  const job = await answerWith({ status: 'failed', result_status: 500, result_body: body });
  await assert.rejects(asked, (error: InstanceType<typeof OpenAI.APIError>) => {
    assert.equal(error.status, 500);
    assert.equal(error.headers?.get('x-should-retry'), 'false');
    assert.equal(error.headers?.get('x-sluice-job-id'), job.id, 'that of the first and only job');
    return true;
  });
});

test('a job that failed without an answer is an error with its class', async () => {
  const statuses = { timeout: 504, overloaded: 503, rate_limited: 429, network: 502 };
  for (const [code, expected] of Object.entries(statuses)) {
    const asked = api.call('POST /v1/completions', { model: 'fast', prompt: 'x' });
    await answerWith({ status: 'failed', error: JSON.stringify({ code, message: 'why' }) });
    const { status, json, headers } = await asked;
    assert.equal(status, expected, code);
    assert.equal(headers.get('x-should-retry'), 'false');
    assert.equal(json.error.code, code);
    assert.match(json.error.message, /why/);
  }
});

test('a client that goes away cancels its job', async () => {
  const leaving = new AbortController();
  const asked = fetch(`${api.url}/v1/moderations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"model":"fast","input":"x"}',
    signal: leaving.signal,
  });
  const { id } = await openJob();
  leaving.abort();
  await assert.rejects(asked);
  await until(
    'the job is cancelled',
    async () => (await readJob(api.ledger, id))?.status === 'cancelled',
  );
});

test('streaming is refused, naming the field; so is a pool that lacks the endpoint', async () => {
  const body = { model: 'fast', ...chat(), stream: true };
  const streaming = await api.call('POST /v1/chat/completions', body);
  assert.deepEqual([streaming.status, streaming.json.error.param], [400, 'stream']);
  const lacking = await api.call('POST /v1/embeddings', { model: 'smart', input: 'x' });
  assert.deepEqual([lacking.status, lacking.json.error.param], [400, 'endpoint']);
  const nameless = await api.call('POST /v1/responses', { input: 'x' });
  assert.deepEqual([nameless.status, nameless.json.error.param], [400, 'model']);
});

test('models are the pools and their aliases', async () => {
  const ids: string[] = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.deepEqual(ids, ['fast', 'gpt-4o-mini', 'smart']);
  assert.equal((await client.models.retrieve('deployment/mini')).id, 'deployment/mini');
  await assert.rejects(client.models.retrieve('gpt-9'), /404.*"gpt-9".*fast/);
});

test('a call that nothing can run is told why, and its job ends with it unless it may come back', async () => {
  const { redis, keys } = api.ledger;
  const reason = 'the provider refused its credential';
  const health = { state: 'blocked', blocked: 'credential', reason };
  const row = JSON.stringify({ ...health, tried_from: Date.now() + 30_000 });
  await redis.hset(keys.health, { haiku: row });
  const order = { model: 'smart', ...chat() };
  const ask = (headers = {}) => api.call('POST /v1/chat/completions', order, headers);
  const [alone, keyed] = await Promise.all([ask(), ask({ 'idempotency-key': 'stuck' })]);
  const statusOf = async ({ headers }: typeof alone) =>
    (await api.call(`GET /v1/jobs/${headers.get('x-sluice-job-id')}`)).json;
  for (const { status, json, headers } of [alone, keyed]) {
    assert.deepEqual([status, json.error.code], [503, 'no_usable_deployment']);
    assert.match(json.error.message, /haiku: the provider refused its credential/);
    const seconds = Number(headers.get('retry-after'));
    assert.ok(seconds > 10 && seconds <= 30, `${seconds}`);
  }
  assert.equal((await statusOf(alone)).status, 'cancelled');
  const open = await statusOf(keyed);
  assert.equal(open.status, 'queued');
  const deployments = [{ deployment: 'haiku', state: 'blocked', reason }];
  assert.deepEqual(open.waiting, {
    reason: 'no deployment of smart takes calls now',
    deployments,
  });
  await redis.del(keys.health);
  await until('the reason goes', async () => (await statusOf(keyed)).waiting === undefined);
});
