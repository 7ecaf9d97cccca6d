import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readUsage as readAnthropic } from './anthropic/answer.ts';
import { readUsage as readOpenai } from './openai/usage.ts';
import { plausibleUsage } from './plausible-usage.ts';

const SIZE = { sentBytes: 1_000, receivedBytes: 500 };

/** What an OpenAI answer with this usage is believed to have used: input and output tokens. */
function believed(input: unknown, output: unknown, size = SIZE) {
  const said = readOpenai({ prompt_tokens: input, completion_tokens: output });
  const usage = said && plausibleUsage(said, size);
  return usage && [usage.input_tokens, usage.output_tokens];
}

test('counts that can be true are believed, also of what only the provider saw', () => {
  assert.deepEqual(believed(5, 2), [5, 2]);
  assert.deepEqual(believed(5, undefined), [5, 0], 'embeddings');
  assert.deepEqual(believed(1_500_000, 300_000), [1_500_000, 300_000], 'a file, and thoughts');
  const size = { sentBytes: 30_000_000, receivedBytes: 1 };
  assert.deepEqual(believed(9_000_000, 1, size), [9_000_000, 1]);
});

test('counts that cannot be true make the usage unknown', () => {
  for (const odd of [1e12, 1e18, 1e300, -5, 5.5, '5', 'NaN', true, {}, 2_001_001]) {
    assert.equal(believed(odd, 2), null, `input ${JSON.stringify(odd)}`);
    assert.equal(believed(5, odd), null, `output ${JSON.stringify(odd)}`);
  }
  const vast = { sentBytes: 2e9, receivedBytes: 2e9 };
  assert.equal(believed(1_000_000_001, 1, vast), null);
  const parts = { input_tokens: 1, output_tokens: 1, cache_read_input_tokens: 1e15 };
  const anthropic = readAnthropic(parts);
  assert.ok(anthropic);
  assert.equal(plausibleUsage(anthropic, SIZE), null);
});

test('no more was cached than was read', () => {
  const said = readOpenai({ prompt_tokens: 5, prompt_cache_hit_tokens: 9 });
  assert.ok(said);
  assert.equal(plausibleUsage(said, SIZE)?.cached_tokens, 5);
});
