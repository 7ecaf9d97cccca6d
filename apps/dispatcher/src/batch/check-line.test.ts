import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint } from '@sluice/job';
import { type BatchRules, type Checked, lineChecker } from './check-line.ts';
import type { LineError } from './line-errors.ts';
import { ANTHROPIC, RULES, request } from './temp-batch.ts';

const CHAT = '/v1/chat/completions';

function check(line: unknown, endpoint: Endpoint = CHAT, rules: BatchRules = RULES): Checked {
  const bytes = Buffer.from(typeof line === 'string' ? line : JSON.stringify(line));
  const place = { line: 1, offset: 0, length: bytes.length };
  return lineChecker(endpoint, rules).check({ ...place, bytes, problem: null });
}

function mistake(line: unknown, endpoint: Endpoint = CHAT, rules: BatchRules = RULES): LineError {
  const checked = check(line, endpoint, rules);
  assert.ok(checked.kind === 'mistake', JSON.stringify(checked));
  return checked.error;
}

test('a line without what its endpoint needs is a mistake that names the field and what was meant', () => {
  const misspelt = mistake(request('x', { body: { model: 'fast', mesages: [] } }));
  assert.deepEqual(misspelt, {
    code: 'missing_required_parameter',
    message:
      "Missing required parameter: 'body.messages'. Found 'body.mesages': did you mean 'body.messages'?",
    param: 'body.messages',
  });
  const empty = mistake(request('x', { body: { model: 'fast', messages: [] } }));
  assert.deepEqual([empty.code, empty.param], ['invalid_request', 'body.messages']);
  assert.match(empty.message, /a list of at least one message/);
});

const without = (key: string): unknown => ({ ...request('x'), [key]: undefined });

test('each mistake has its code, its parameter, the value found and what is allowed', () => {
  const body = { model: 'fast', messages: [{ role: 'user', content: 'hi' }] };
  const cases: [unknown, code: string, param: string | null, message: RegExp][] = [
    ['id,question', 'invalid_json_line', null, /README\.md shows how a CSV becomes such a file\.$/],
    ['{"custom_id":', 'invalid_json_line', null, /^This line is not parseable as valid JSON\./],
    ['{"a":1} {', 'invalid_json_line', null, /Stopped at character 9\.$/],
    [[1], 'invalid_request', null, /JSON object, found an array/],
    ['"x"', 'invalid_request', null, /JSON object, found a string/],
    ['null', 'invalid_request', null, /JSON object, found null/],
    [without('custom_id'), 'missing_required_parameter', 'custom_id', /: 'custom_id'\.$/],
    [without('method'), 'missing_required_parameter', 'method', /: 'method'\.$/],
    [without('url'), 'missing_required_parameter', 'url', /: 'url'\.$/],
    [without('body'), 'missing_required_parameter', 'body', /: 'body'\.$/],
    [request('x', { custom_id: 7 }), 'invalid_request', 'custom_id', /a string, but got a number/],
    [request(''), 'invalid_request', 'custom_id', /1 to 512 characters, found 0/],
    [request('x'.repeat(513)), 'invalid_request', 'custom_id', /1 to 512 characters, found 513/],
    [request('x', { method: 'GET' }), 'invalid_request', 'method', /expected "POST", found "GET"/],
    [
      request('x', { url: '/v1/embeddings' }),
      'invalid_url',
      'url',
      /"\/v1\/embeddings".*does not match the batch endpoint "\/v1\/chat\/completions"/,
    ],
    [request('x', { url: null }), 'invalid_request', 'url', /a string, but got null/],
    [request('x', { body: '{}' }), 'invalid_request', 'body', /an object, but got a string/],
    [request('x', { body: {} }), 'missing_required_parameter', 'body.model', /: 'body.model'\.$/],
    [request('x', { body: { model: 1 } }), 'invalid_request', 'body.model', /but got a number/],
    [
      request('x', { body: { model: 'nope' } }),
      'model_not_found',
      'body.model',
      /"nope" does not exist\. There are: "fast", "smart", "gpt-4o-mini"/,
    ],
    [
      request('x', { body: { ...body, stream: true } }),
      'streaming_unsupported',
      'body.stream',
      /must be false or absent, found true/,
    ],
    [
      request('x', { body: { ...body, model: 'smart', logprobs: true } }),
      'unsupported_parameter',
      'body.logprobs',
      /No deployment of the model "smart" supports "logprobs"/,
    ],
  ];
  for (const [line, code, param, message] of cases) {
    const error = mistake(line);
    assert.deepEqual([error.code, error.param], [code, param], JSON.stringify(line));
    assert.match(error.message, message);
  }
});

test('what is fine: stream false or null, a custom_id of 512 characters, fields nobody knows', () => {
  const body = { model: 'smart', messages: [{ role: 'user', content: 'hi' }], stream: false };
  const long = 'x'.repeat(512);
  const shape = { characters: 18, maxOutput: null, inputs: 1 };
  for (const different of [{ body }, { body: { ...body, stream: null } }, { body, extra: 1 }]) {
    assert.deepEqual(check(request(long, different)), {
      kind: 'request',
      customId: long,
      request: { pool: 'smart', formats: ANTHROPIC, shape },
    });
  }
});

test('what a pool cannot say is told of the pool that a route chose, and how to allow it', () => {
  const body = { model: 'fast', messages: [{ role: 'user', content: 'hi' }], logprobs: true };
  const why = 'route claude (metadata) sends "fast" to smart';
  const rules: BatchRules = {
    ...RULES,
    resolve: () => ({ kind: 'pool', pool: 'smart', routedBy: why }),
  };
  const error = mistake(request('x', { body }), CHAT, rules);
  assert.equal(
    error.message,
    `No deployment of the pool "smart" supports "logprobs" (${why}). ` +
      'Leave it out, or let its deployments leave it out: drop_params in the config.',
  );
});

test('an endpoint that no deployment of the model serves is named', () => {
  const url = '/v1/embeddings';
  assert.deepEqual(mistake(request('a', { url, body: { model: 'smart', input: ['a'] } }), url), {
    code: 'invalid_request',
    message: 'No deployment of the model "smart" serves /v1/embeddings.',
    param: 'url',
  });
});

test('what is beyond anything a provider takes is a mistake of the line', () => {
  const body = { model: 'fast', messages: [{ role: 'user', content: 'hi' }], max_tokens: -3 };
  assert.deepEqual(mistake(request('a', { body })), {
    code: 'invalid_request',
    message: "Invalid 'body.max_tokens': expected a number from 0 to 10000000.",
    param: 'body.max_tokens',
  });
});

test('no error shows a prompt', () => {
  const secret = 'my-secret-prompt';
  for (const line of [
    `{"custom_id":"x","body":{"messages":["${secret}" ${secret}]}}`,
    secret,
    `"${secret}"`,
    request('x', { body: secret }),
    request('x', { body: { model: ['x'], messages: secret } }),
    request('x', { body: { model: 'nope', messages: secret } }),
  ]) {
    assert.doesNotMatch(JSON.stringify(mistake(line)), /secret/);
  }
});

test('a body too deep for anybody is a mistake, not a crash', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  const line = JSON.stringify(request('x', { body: { model: 'fast', tools: 0 } }));
  const { code, param } = mistake(line.replace('"tools":0', `"tools":${deep}`));
  assert.deepEqual([code, param], ['invalid_request', 'body']);
});
