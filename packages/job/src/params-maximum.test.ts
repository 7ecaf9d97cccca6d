import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maximumIn } from './params-maximum.ts';

test('the maximum that params put into requests: the largest of its names, and only a number of tokens', () => {
  assert.equal(maximumIn({ temperature: 0 }), null);
  assert.equal(maximumIn({ max_tokens: 300, top_p: 1 }), 300);
  assert.equal(maximumIn({ max_tokens: 300, max_output_tokens: 500 }), 500);
  assert.equal(maximumIn({ max_completion_tokens: 12.5 }), 13);
  for (const max_tokens of [null, '300', 0, -1, Infinity, NaN])
    assert.equal(maximumIn({ max_tokens }), null);
});
