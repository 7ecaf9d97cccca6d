import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ENDPOINTS } from '@sluice/job';
import { deploymentOf } from '../fixtures.ts';
import { openai } from './adapter.ts';

const deployment = deploymentOf('openai', 'https://api.openai.com/v1/');

for (const [endpoint, url] of [
  ['/v1/chat/completions', 'https://api.openai.com/v1/chat/completions'],
  ['/v1/embeddings', 'https://api.openai.com/v1/embeddings'],
] as const) {
  test(`${endpoint} goes to ${url}`, () => {
    assert.equal(openai.buildRequest({ endpoint, body: {}, deployment }).url, url);
  });
}

test('Azure: version in the query, key in its own header', () => {
  const azure = deploymentOf(
    'openai',
    'https://x.openai.azure.com/openai/deployments/mini?tenant=1',
    {
      provider: {
        ...deployment.provider,
        baseUrl: 'https://x.openai.azure.com/openai/deployments/mini?a=1',
        apiKey: null,
      },
      headers: { 'API-Key': 'k' },
      query: { 'api-version': '2024-10-21' },
    },
  );
  const { url, headers } = openai.buildRequest({
    endpoint: '/v1/chat/completions',
    body: {},
    deployment: azure,
  });
  assert.equal(
    url,
    'https://x.openai.azure.com/openai/deployments/mini/chat/completions?a=1&api-version=2024-10-21',
  );
  assert.deepEqual(headers, { 'content-type': 'application/json', 'api-key': 'k' });
});

test('every body passes through untouched but for the model', () => {
  const bodies = fc.dictionary(fc.string(), fc.jsonValue());
  fc.assert(
    fc.property(bodies, fc.constantFrom(...ENDPOINTS), (body, endpoint) => {
      const sent: unknown = JSON.parse(openai.buildRequest({ endpoint, body, deployment }).body);
      assert.deepEqual(sent, JSON.parse(JSON.stringify({ ...body, model: 'the-model' })));
    }),
  );
});

test('every one-line answer passes through to the letter', () => {
  const text = '{"id":"x","new_field":{"n":1.0},"choices":[],"usage":{"prompt_tokens":3}}';
  const answer = openai.readAnswer('/v1/chat/completions', { status: 200, headers: {}, text });
  assert.equal(answer.body, text);
});

test('every one-line error envelope passes through to the letter', () => {
  const text = '{"error":{"message":"no","type":"x","param":"y","code":"z","more":1}}';
  const answer = openai.readAnswer('/v1/chat/completions', { status: 400, headers: {}, text });
  assert.equal(answer.body, text);
});

test('a reply that only says "started" is no answer', () => {
  assert.deepEqual(openai.cannotSay('/v1/responses', { background: true }), ['background']);
});
