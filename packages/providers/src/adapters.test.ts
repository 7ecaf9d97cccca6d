import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADAPTERS, adapterFor, unsayableBy } from './adapters.ts';
import { deploymentOf } from './fixtures.ts';

const CHAT = '/v1/chat/completions';
const claude = (dropParams: string[]) => deploymentOf('anthropic', 'https://x', { dropParams });
const body = { messages: [{ role: 'user', content: 'hi' }], logprobs: true, seed: 7 };

test('finds an adapter by its type, and nothing by a name that objects happen to have', () => {
  for (const [type, adapter] of Object.entries(ADAPTERS)) assert.equal(adapterFor(type), adapter);
  assert.equal(adapterFor('cohere'), undefined);
  assert.equal(adapterFor('toString'), undefined);
});

test('a deployment may leave out what drop_params names, and only that', () => {
  assert.deepEqual(unsayableBy(claude([]), CHAT, body), ['logprobs', 'seed']);
  assert.deepEqual(unsayableBy(claude(['seed']), CHAT, body), ['logprobs']);
  assert.deepEqual(unsayableBy(claude(['seed', 'logprobs']), CHAT, body), []);
});

test('a missing endpoint, a stream and an untranslatable conversation cannot be dropped', () => {
  const all = claude(['endpoint', 'messages', 'stream']);
  assert.deepEqual(unsayableBy(all, '/v1/embeddings', { input: 'x' }), ['endpoint']);
  assert.deepEqual(unsayableBy(all, CHAT, { stream: true, messages: [] }), ['stream', 'messages']);
});

test('a deployment of an unknown type serves nothing', () => {
  assert.deepEqual(unsayableBy(deploymentOf('cohere', 'https://x'), CHAT, body), ['endpoint']);
});
