import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chat, startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

let api: TestApi;
before(async () => {
  api = await startTestApi();
});
after(() => api.stop());

const BAD: [string, unknown, number, string, string | null, RegExp][] = [
  ['a body that is no object', '[1]', 400, 'invalid_type', null, /a list of 1/],
  [
    'text that is no JSON',
    '{"model": ',
    400,
    'invalid_json',
    null,
    /unexpected end of JSON at position 10/,
  ],
  [
    'a request that is a list',
    { model: 'fast', body: [] },
    400,
    'invalid_type',
    'body',
    /an object/,
  ],
  ['no body', { model: 'fast' }, 400, 'missing_required_parameter', 'body', /'body'/],
  ['no model', { body: chat() }, 400, 'missing_required_parameter', 'model', /'model'/],
  [
    'an unknown pool',
    { model: 'fats', body: chat() },
    404,
    'model_not_found',
    'model',
    /"fats".*fast, gpt-4o-mini, smart/,
  ],
  [
    'two models',
    { model: 'fast', body: { ...chat(), model: 'smart' } },
    400,
    'conflicting_models',
    'model',
    /"fast".*"smart"/,
  ],
  [
    'more tokens than any model answers with',
    { model: 'fast', body: { ...chat(), max_tokens: 1e12 } },
    400,
    'invalid_value',
    'body.max_tokens',
    /1000000000000.*from 0 to 10000000/,
  ],
  [
    'more choices than anybody gives',
    { model: 'fast', body: { ...chat(), n: 129 } },
    400,
    'invalid_value',
    'body.n',
    /129.*from 0 to 128/,
  ],
  [
    'streaming',
    { model: 'fast', body: { ...chat(), stream: true } },
    400,
    'unsupported_parameter',
    'body.stream',
    /'body\.stream'.*true/,
  ],
  [
    'what no deployment of the pool can express',
    { model: 'smart', body: { ...chat(), logprobs: true } },
    400,
    'unsupported_parameter',
    'body.logprobs',
    /smart.*logprobs/,
  ],
  [
    'a priority there is none of',
    { model: 'fast', body: chat(), priority: 'urgent' },
    400,
    'invalid_value',
    'priority',
    /"urgent".*"interactive", "normal", "low"/,
  ],
  [
    'a misspelt field',
    { model: 'fast', body: chat(), prio: 'low' },
    400,
    'unknown_parameter',
    'prio',
    /priority/,
  ],
  [
    'a deadline of no time',
    { model: 'fast', body: chat(), deadline_ms: 0 },
    400,
    'invalid_value',
    'deadline_ms',
    /found 0; allowed: at least 1/,
  ],
  [
    'metadata that is no text',
    { model: 'fast', body: chat(), metadata: { a: 1 } },
    400,
    'invalid_type',
    'metadata.a',
    /found 1; allowed: a string/,
  ],
  [
    'a webhook into a private network',
    { model: 'fast', body: chat(), webhook_url: 'https://10.0.0.1/' },
    400,
    'unsupported_parameter',
    'webhook_url',
    /10\.0\.0\.1/,
  ],
  [
    'JSON nested without end',
    `{"model":"fast","body":{"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`,
    400,
    'invalid_json',
    null,
    /deeper than 128/,
  ],
  [
    'a prototype',
    '{"model":"fast","body":{},"__proto__":{"a":1}}',
    400,
    'unsupported_parameter',
    '__proto__',
    /no name that a parameter has/,
  ],
  [
    'a constructor',
    '{"model":"fast","body":{"messages":[],"constructor":{"a":1}}}',
    400,
    'unsupported_parameter',
    'body.constructor',
    /no name that a parameter has/,
  ],
  [
    'a number out of range',
    '{"model":"fast","body":{"messages":[{"role":"user","content":"hi"}],"temperature":1e400}}',
    400,
    'unsupported_parameter',
    'body.temperature',
    /beyond 1.8e308/,
  ],
];

for (const [what, body, status, code, param, message] of BAD) {
  test(`${what} is refused and nothing is accepted`, async () => {
    const newest = (await api.call('GET /v1/jobs')).json.first_id;
    const { status: found, json, headers } = await api.call('POST /v1/jobs', body);
    assert.equal(found, status, JSON.stringify(json));
    assert.equal(json.error.code, code);
    assert.equal(json.error.param, param);
    assert.match(json.error.message, message);
    assert.match(headers.get('x-request-id') ?? '', /^req_/);
    assert.equal((await api.call('GET /v1/jobs')).json.first_id, newest);
  });
}

test('a body in another type than JSON is refused: pages of other sites can send those', async () => {
  const asked = JSON.stringify({ model: 'fast', body: chat() });
  const answer = await api.call('POST /v1/jobs', asked, { 'content-type': 'text/plain' });
  assert.equal(answer.status, 415);
});

test('a body without what its endpoint needs is refused, naming the field and what was meant', async () => {
  const refusal = async (body: unknown, endpoint = '/v1/chat/completions') => {
    const { status, json } = await api.call('POST /v1/jobs', { model: 'fast', endpoint, body });
    assert.equal(status, 400);
    return [json.error.code, json.error.param, json.error.message];
  };
  assert.deepEqual(await refusal({ mesages: [{ role: 'user', content: 'hi' }] }), [
    'missing_required_parameter',
    'body.messages',
    "Missing required parameter: 'body.messages'. Found 'body.mesages': did you mean 'body.messages'?",
  ]);
  assert.deepEqual(await refusal({ messages: [] }), [
    'invalid_value',
    'body.messages',
    "Invalid value for 'body.messages': found a list of 0; allowed: a list of at least one message.",
  ]);
  const [, input] = await refusal({}, '/v1/embeddings');
  assert.equal(input, 'body.input');
  const now = await api.call('POST /v1/chat/completions', { model: 'fast' });
  assert.deepEqual([now.status, now.json.error.param], [400, 'messages']);
});

test('JSON that ends too early is said to, with where', async () => {
  for (const text of ['{"model":', '{"model":"fa', '{"model":1', '{']) {
    const { status, json } = await api.call('POST /v1/jobs', text);
    assert.equal(status, 400);
    const end = `unexpected end of JSON at position ${text.length}.`;
    assert.ok(json.error.message.endsWith(end), json.error.message);
  }
});
