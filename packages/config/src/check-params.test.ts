import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkParams } from './check-params.ts';

const mistakesOf = (mini: object): string[] =>
  checkParams({ deployments: { mini } }).map(({ path, found }) => `${path}: ${found}`);

test('what would be no answer is refused', () => {
  assert.deepEqual(mistakesOf({ params: { stream: true, background: false } }), [
    'deployments.mini.params.stream: true',
  ]);
});

test('a maximum in `params` beside output_cap would stand beside the one that is put in', () => {
  const params = { max_tokens: 500, temperature: 0 };
  assert.deepEqual(mistakesOf({ output_cap: 100, params }), [
    'deployments.mini.params.max_tokens: 500',
  ]);
  assert.deepEqual(mistakesOf({ params }), []);
  assert.deepEqual(mistakesOf({ output_cap: null, params }), []);
});
