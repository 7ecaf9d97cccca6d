/** What is recorded of answers that are odd: over real HTTP. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { loadConfig } from '@sluice/config';
import type { Deployment } from '@sluice/job';
import { adapterFor, createCaller } from '@sluice/providers';
import type { Adapter } from '@sluice/providers';
import type { Call } from './load-calls.ts';
import { attemptOf, makeCall } from './make-call.ts';

const CALL: Call = {
  ref: 'job_1',
  place: 0,
  line: 0,
  customId: null,
  endpoint: '/v1/chat/completions',
  body: { messages: [{ role: 'user', content: 'x' }] },
  shape: { characters: 1, maxOutput: null, inputs: 1 },
  band: 'batch',
  tier: 1,
  pool: 'fast',
  arm: '',
  expects: null,
  attempts: '',
  tries: 0,
  since: 0,
  deadlineAt: Infinity,
};

/** Result and attempt of a call that is answered like this, where at most 1,000 bytes are accepted. */
async function answeredBy(t: TestContext, listener: RequestListener, call = CALL) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => new Promise((resolve) => server.close(resolve)));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  const text = `
providers: { p: { type: openai, base_url: "${base}", api_key: k } }
deployments: { mini: { provider: p, model: m, price: { input: 1, output: 1 } } }
pools: { fast: [mini] }`;
  const loaded = loadConfig({ source: { text }, env: {} });
  assert.ok(loaded.kind === 'ok');
  const deployment = loaded.fleet.deployments.get('mini') as Deployment;
  const caller = createCaller({ maxResponseBytes: 1_000 });
  t.after(() => caller.close());
  const ports = { deployment, adapter: adapterFor('openai') as Adapter, caller, now: Date.now };
  const { signal } = new AbortController();
  const result = await makeCall(ports, call, { signal, mayBegin: () => true });
  assert.ok(result !== 'not_begun');
  return { result, attempt: attemptOf(deployment, call, result) };
}

const answer = (usage: object): string => JSON.stringify({ choices: [], usage });

test('usage that cannot be true is unknown, and so is the cost', async (t) => {
  const { result } = await answeredBy(t, (_request, response) =>
    response.end(answer({ prompt_tokens: 1e12, completion_tokens: 1 })),
  );
  const { outcome, usage, oddUsage, costUsd } = result;
  assert.deepEqual([outcome, usage, oddUsage, costUsd], ['ok', null, true, null]);
});

test('usage that can be true, or none, is not odd', async (t) => {
  const some = await answeredBy(t, (_request, response) =>
    response.end(answer({ prompt_tokens: 10, completion_tokens: 1 })),
  );
  assert.deepEqual([some.result.usage?.input_tokens, some.result.oddUsage], [10, false]);
  const none = await answeredBy(t, (_request, response) => response.end('{"choices":[]}'));
  assert.deepEqual([none.result.usage, none.result.oddUsage], [null, false]);
});

test('a success that cannot be read is seen in its attempt', async (t) => {
  const { result, attempt } = await answeredBy(t, (_request, response) => response.end('<html>'));
  assert.deepEqual([result.outcome, result.statusCode], ['provider_error', 502]);
  assert.deepEqual([attempt.status_code, attempt.cost_usd], [200, null]);
  const failure = await answeredBy(t, (_request, response) =>
    response.writeHead(500).end('<html>'),
  );
  assert.equal(failure.attempt.status_code, 500);
});

test('a 304, which answers nothing that was asked, is told as 502 and seen in its attempt', async (t) => {
  const { result, attempt } = await answeredBy(t, (_request, response) =>
    response.writeHead(304).end(),
  );
  assert.deepEqual([result.outcome, result.statusCode], ['provider_error', 502]);
  assert.equal(attempt.status_code, 304);
  assert.match(result.body ?? '', /HTTP 304 without a message/);
});

test('an answer that is too large is a bad request: nobody buys it again', async (t) => {
  const { result } = await answeredBy(t, (_request, response) => response.end('x'.repeat(2_000)));
  assert.equal(result.outcome, 'bad_request');
  assert.match(result.message ?? '', /answer is too large/);
});

test('a body that cannot be written is a bad request: nothing is sent', async (t) => {
  const deep: unknown = JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`);
  let asked = 0;
  const { result } = await answeredBy(t, () => (asked += 1), {
    ...CALL,
    body: { ...CALL.body, deep },
  });
  assert.deepEqual([result.outcome, result.costUsd, asked], ['bad_request', 0, 0]);
  assert.match(result.message ?? '', /could not be made: RangeError/);
});
