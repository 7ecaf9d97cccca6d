import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measure } from './shape.ts';

const most = (endpoint: '/v1/chat/completions' | '/v1/completions', body: object) =>
  measure(endpoint, { max_tokens: 10, ...body }).maxOutput;

test('a maximum counts for every answer that is asked for: choices, and prompts of one request', () => {
  assert.equal(most('/v1/chat/completions', { n: 3 }), 30);
  assert.equal(most('/v1/completions', { prompt: 'a' }), 10);
  assert.equal(most('/v1/completions', { prompt: ['a', 'b'], n: 3 }), 60);
  assert.equal(most('/v1/completions', { prompt: [17, 4] }), 10, 'tokens of one prompt');
  assert.equal(most('/v1/completions', { prompt: [[17, 4], [9]], best_of: 2 }), 40);
  assert.equal(most('/v1/completions', { n: 2, best_of: 3 }), 30, 'two of the three that are made');
});
