/** Redis goes quiet just as something is accepted, or while its answer is waited for. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { listIds } from '@sluice/ledger';
import { until } from '@sluice/testing';
import { chat, endJobAs, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

let api: TestApi;
before(async () => {
  api = await startTestApi();
  // Its scripts are there.
  await api.call('POST /v1/jobs', { model: 'fast', body: chat() });
});
after(() => api.stop());

const jobs = (): Promise<string[]> =>
  listIds(api.ledger, { kind: 'jobs', tenant: null, order: 'desc' }, 100);

/** Redis takes what is sent, and does and answers it only so much later. */
const pause = (ms: number): Promise<unknown> => api.ledger.redis.call('CLIENT', 'PAUSE', `${ms}`);

test('an acceptance whose answer is late is asked for again, and is one job', async () => {
  const earlier = (await jobs()).length;
  await pause(1_300);
  const { status, json } = await api.call('POST /v1/jobs', { model: 'fast', body: chat() });
  assert.equal(status, 202, JSON.stringify(json));
  assert.equal((await jobs()).length, earlier + 1);
});

test('where its fate stays unknown the SDK does not buy it again, and is told what to look for', async () => {
  const earlier = await jobs();
  const client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'any', maxRetries: 2 });
  await pause(3_000);
  const began = performance.now();
  const messages = [{ role: 'user' as const, content: 'hi' }];
  const refused = await client.chat.completions.create({ model: 'fast', messages }).then(
    () => assert.fail('it was answered'),
    (error: unknown) => error as InstanceType<typeof OpenAI.APIError>,
  );
  assert.ok(performance.now() - began <= 2_000);
  assert.deepEqual([refused.status, refused.code], [503, 'fate_unknown']);
  const id = refused.headers?.get('x-sluice-job-id') ?? '';
  assert.match(refused.message, new RegExp(id));
  const made = await until('it is there', async () => {
    const all = await jobs();
    return all.length > earlier.length ? all : null;
  });
  assert.deepEqual(made, [id, ...earlier]);
  await endJobAs(api.ledger, id, { status: 'cancelled' });
});

test('with an Idempotency-Key it may be repeated, and says so', async () => {
  await pause(3_000);
  const order = { model: 'fast', body: chat() };
  const ask = () => api.call('POST /v1/jobs', order, { 'idempotency-key': 'again' });
  const lost = await ask();
  assert.deepEqual([lost.status, lost.headers.get('x-should-retry')], [503, 'true']);
  const kept = await until('it answers', async () => {
    const { status, json } = await ask();
    return status === 202 ? json : null;
  });
  assert.equal((await ask()).json.id, kept.id);
  assert.equal(lost.headers.get('x-sluice-job-id'), kept.id);
});

test('an answer is waited for through a Redis that cannot be read for a while', async () => {
  const earlier = await jobs();
  const asked = api.call('POST /v1/chat/completions', { model: 'fast', ...chat() });
  const id = await until('its job', async () => {
    const [newest] = await jobs();
    return newest !== undefined && !earlier.includes(newest) ? newest : null;
  });
  const fields = { status: 'succeeded', result_status: 200, result_body: '{"id":"c"}' };
  const { redis } = api.ledger;
  await Promise.all([endJobAs(api.ledger, id, fields), redis.call('CLIENT', 'PAUSE', '2500')]);
  const { status, text } = await asked;
  assert.deepEqual([status, text], [200, '{"id":"c"}']);
});
