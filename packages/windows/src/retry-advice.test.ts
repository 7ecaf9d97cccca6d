import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advisedMs, retryAfterSeconds } from './retry-advice.ts';

const read = (waitMs: number) => [advisedMs('openai', waitMs), advisedMs('anthropic', waitMs)];

test('OpenAI advises to the millisecond, others to the second; never too short', () => {
  assert.deepEqual(read(0.2), [1, 1_000]);
  assert.deepEqual(read(421.3), [422, 1_000]);
  assert.deepEqual(read(1_000), [1_000, 1_000]);
  assert.deepEqual(read(1_000.5), [1_001, 2_000]);
  assert.equal(retryAfterSeconds(0), 1);
});
