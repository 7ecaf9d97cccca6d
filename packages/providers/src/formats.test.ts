import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment } from '@sluice/job';
import { FORMATS, formatBit, formatsFor, formatsOf } from './formats.ts';

const CHAT = '/v1/chat/completions';
const plain = { messages: [{ role: 'user', content: 'hi' }], max_tokens: 5 };
const withLogprobs = { ...plain, logprobs: true };

const deployment = (type: string, dropParams: string[] = []): Deployment =>
  ({ provider: { type }, dropParams }) as unknown as Deployment;

test('every wire format has a bit of its own', () => {
  const bits = FORMATS.map(formatBit);
  assert.equal(new Set(bits).size, FORMATS.length);
  assert.equal(formatBit('no such type'), 0);
});

test('a body that all formats can say has all their bits', () => {
  const all = FORMATS.reduce((mask, type) => mask | formatBit(type), 0);
  assert.deepEqual(formatsFor(FORMATS, CHAT, plain), { mask: all, unsayable: [] });
});

test('a format that cannot say a parameter loses its bit, and the parameter is named', () => {
  const { mask, unsayable } = formatsFor(FORMATS, CHAT, withLogprobs);
  assert.equal(mask & formatBit('anthropic'), 0);
  assert.notEqual(mask & formatBit('openai'), 0);
  assert.deepEqual(unsayable, ['logprobs']);
  assert.notEqual(
    formatsFor(['anthropic'], CHAT, withLogprobs, ['logprobs']).mask & formatBit('anthropic'),
    0,
  );
});

test('an endpoint that no format here has cannot be dropped', () => {
  const result = formatsFor(['anthropic'], '/v1/embeddings', { input: 'a' }, ['endpoint']);
  assert.deepEqual(result, { mask: 0, unsayable: ['endpoint'] });
});

test('one deployment that may not drop a parameter keeps its whole format out', () => {
  const allows = deployment('anthropic', ['logprobs']);
  const refuses = deployment('anthropic');
  assert.equal(formatsOf([allows], CHAT, withLogprobs).mask, formatBit('anthropic'));
  assert.equal(formatsOf([allows, refuses], CHAT, withLogprobs).mask, 0);
  assert.equal(
    formatsOf([allows, refuses, deployment('openai')], CHAT, withLogprobs).mask,
    formatBit('openai'),
  );
});
