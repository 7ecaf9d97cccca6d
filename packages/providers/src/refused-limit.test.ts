import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusedLimit } from './refused-limit.ts';

const report = (dimension: 'rpm' | 'tpm', remaining: number) => ({
  dimension,
  limit: 100,
  remaining,
  resetMs: null,
});

test('the message names the limit', () => {
  for (const [message, limit] of [
    ['Rate limit reached for gpt-4o on requests per min (RPM): Limit 3, Used 3', 'rpm'],
    ['Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000', 'tpm'],
    ['Rate limit reached for gpt-4o on requests per day (RPD): Limit 200', 'rpd'],
    ['This request would exceed … of 40,000 input tokens per minute (model: x)', 'itpm'],
    ['This request would exceed … of 8,000 output tokens per minute (model: x)', 'otpm'],
    ['Number of concurrent connections has exceeded your rate limit', 'concurrency'],
    ['Too many requests', null],
    [null, null],
  ] as const) {
    assert.equal(refusedLimit(message, []), limit);
  }
});

test('else the one limit of which nothing is left', () => {
  assert.equal(refusedLimit('slow down', [report('rpm', 4), report('tpm', 0)]), 'tpm');
  assert.equal(refusedLimit('slow down', [report('rpm', 0), report('tpm', 0)]), null);
  assert.equal(refusedLimit('slow down', [report('rpm', 4)]), null);
});
