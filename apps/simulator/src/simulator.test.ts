import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { NotFoundError, OpenAI, RateLimitError } from 'openai';
import { MESSAGES, chat, closeAll, json, start } from './servers-for-tests.ts';
import { until } from '@sluice/testing';
import { startSimulator } from './simulator.ts';
import type { Simulator } from './simulator.ts';

afterEach(closeAll);

const sdk = ({ url }: Simulator, apiKey = 'k'): OpenAI =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });

function messages(simulator: Simulator, headers: Record<string, string>): Promise<Response> {
  const body = JSON.stringify({ model: 'c', max_tokens: 20, messages: MESSAGES });
  return fetch(`${simulator.url}/v1/messages`, { method: 'POST', headers, body });
}

describe('the OpenAI server, asked by the official client', () => {
  it('answers chat completions, completions and responses', async () => {
    const client = sdk(await start({ output_tokens: 12 }));
    const answer = await client.chat.completions.create({ model: 'm', messages: MESSAGES, n: 2 });
    assert.equal(answer.choices.length, 2);
    assert.equal(answer.usage?.completion_tokens, 24);
    assert.equal(answer.model, 'm');
    const completion = await client.completions.create({ model: 'm', prompt: ['One', 'Two'] });
    assert.equal(completion.choices.length, 2);
    const response = await client.responses.create({
      model: 'm',
      instructions: 'Short.',
      input: 'Why?',
    });
    assert.ok(response.output_text.length > 10);
    assert.equal(response.usage?.output_tokens, 12);
    const cut = await client.responses.create({ model: 'm', input: 'Why?', max_output_tokens: 3 });
    assert.equal(cut.incomplete_details?.reason, 'max_output_tokens');
  });

  it('answers embeddings, the same in both encodings, and moderations', async () => {
    const client = sdk(await start());
    const input = ['first', 'second'];
    const [plain, coded] = await Promise.all(
      (['float', 'base64'] as const).map((encoding_format) =>
        client.embeddings.create({ model: 'e', input, dimensions: 8, encoding_format }),
      ),
    );
    assert.equal(plain?.data.length, 2);
    const decoded = Buffer.from(coded?.data[1]?.embedding as unknown as string, 'base64');
    const floats = [...new Float32Array(new Uint8Array(decoded).buffer)];
    assert.deepEqual(floats, plain?.data[1]?.embedding.map(Math.fround));
    const standard = await client.embeddings.create({ model: 'e', input: 'first', dimensions: 8 });
    assert.deepEqual(standard.data[0]?.embedding, plain?.data[0]?.embedding.map(Math.fround));
    assert.ok(Math.abs(Math.hypot(...floats) - 1) < 1e-6);
    const moderation = await client.moderations.create({ model: 'o', input });
    assert.deepEqual(
      moderation.results.map(({ flagged }) => flagged),
      [false, false],
    );
  });

  it('refuses what a day does not hold, until the day has passed', async () => {
    const simulator = await start({ limits: { rpd: 2 }, day_ms: 3_000 });
    const client = sdk(simulator);
    const ask = () => client.chat.completions.create({ model: 'm', messages: MESSAGES });
    await Promise.all([ask(), ask()]);
    await assert.rejects(ask, (error) => {
      assert.ok(error instanceof RateLimitError);
      assert.match(error.message, /on requests per day \(RPD\): Limit 2, Used 2, Requested 1/);
      return true;
    });
    await until('the day has passed', () => ask().catch(() => null));
    const { limits } = Object.values(simulator.stats().accounts)[0] ?? assert.fail();
    assert.deepEqual([limits.rpd?.limit, limits.rpd?.charged], [2, 3]);
  });

  it('lists its models', async () => {
    const client = sdk(await start({ models: { 'gpt-a': {}, 'gpt-b': {} } }));
    const ids = (await client.models.list()).data.map(({ id }) => id);
    assert.deepEqual(ids, ['gpt-a', 'gpt-b']);
    assert.equal((await client.models.retrieve('gpt-b')).id, 'gpt-b');
    await assert.rejects(client.models.retrieve('gpt-c'), NotFoundError);
    const asked = client.chat.completions.create({ model: 'gpt-c', messages: MESSAGES });
    await assert.rejects(asked, { status: 404, code: 'model_not_found' });
  });

  it('raises the client’s own errors', async () => {
    const simulator = await start({ limits: { rpm: 1 }, window: 'bucket_60s' });
    const client = sdk(simulator);
    const ask = (): Promise<unknown> =>
      client.chat.completions.create({ model: 'm', messages: MESSAGES });
    await ask();
    await assert.rejects(ask(), (error: RateLimitError) => {
      assert.ok(error instanceof RateLimitError);
      assert.equal(error.code, 'rate_limit_exceeded');
      const waitMs = Number(error.headers.get('retry-after-ms'));
      assert.ok(waitMs > 50_000 && waitMs <= 60_000, String(waitMs));
      assert.equal(error.headers.get('retry-after'), String(Math.ceil(waitMs / 1_000)));
      assert.equal(error.headers.get('x-ratelimit-remaining-requests'), '0');
      assert.match(error.requestID ?? '', /^req_/);
      return true;
    });
    const stranger = sdk(simulator, 'unknown').models.list();
    await assert.rejects(stranger, { status: 401, code: 'invalid_api_key' });
    const streamed = client.chat.completions.create({
      model: 'm',
      messages: MESSAGES,
      stream: true,
    });
    await assert.rejects(streamed, { status: 400, param: 'stream' });
    assert.equal(simulator.stats().unknown_keys, 1);
  });
});

describe('the Anthropic server', () => {
  const HEADERS = { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' };

  it('answers messages with its headers, by either form of key', async () => {
    const simulator = await start({
      limits: { rpm: 60, itpm: 60_000, otpm: 6_000 },
      charge: 'actual',
    });
    const response = await messages(simulator, HEADERS);
    const body = await json(response);
    assert.equal(response.status, 200);
    assert.deepEqual(
      [body.type, body.role, body.stop_reason],
      ['message', 'assistant', 'max_tokens'],
    );
    assert.equal(body.usage.output_tokens, 20);
    assert.match(response.headers.get('request-id') ?? '', /^req_/);
    assert.equal(response.headers.get('anthropic-ratelimit-requests-limit'), '60');
    const reset = response.headers.get('anthropic-ratelimit-input-tokens-reset') ?? '';
    assert.match(reset, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.ok(Math.abs(Date.parse(reset) - Date.now()) < 5_000, reset);
    const { 'x-api-key': _key, ...rest } = HEADERS;
    const bearer = await messages(simulator, { ...rest, authorization: 'Bearer k' });
    assert.equal(bearer.status, 429, 'a 1-s bucket of 60 rpm holds one request');
    assert.equal((await json(bearer)).error.type, 'rate_limit_error');
  });

  it('demands a version and a known key, in its own envelope', async () => {
    const simulator = await start();
    const unversioned = await messages(simulator, { 'x-api-key': 'k' });
    assert.equal(unversioned.status, 400);
    const stranger = await messages(simulator, { ...HEADERS, 'x-api-key': 'wrong' });
    assert.equal(stranger.status, 401);
    assert.equal((await json(stranger)).error.type, 'authentication_error');
  });

  it('speaks only the format of its account', async () => {
    const simulator = await start({ format: 'openai' });
    assert.equal((await messages(simulator, HEADERS)).status, 404);
    assert.equal((await chat(simulator)).status, 200);
    const other = await start({ format: 'anthropic' });
    assert.equal((await messages(other, HEADERS)).status, 200);
    assert.equal((await chat(other)).status, 404);
    const models = await fetch(`${other.url}/v1/models`, { headers: HEADERS });
    assert.equal((await json(models)).has_more, false);
  });
});

describe('starting', () => {
  it('rejects wrong options and a port that is taken', async () => {
    await assert.rejects(startSimulator({ accounts: { a: { key: '' } } }), /accounts\.a\.key/);
    const { port } = await start();
    await assert.rejects(start({}, { port }), { code: 'EADDRINUSE' });
  });
});
