import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attempt } from '@sluice/job';
import { Learned } from './learned.ts';

const clock = { now: 1_000_000 };
const learnedOf = (): Learned => new Learned([{ id: 'mini', timeoutMs: 60_000 }], () => clock.now);

const attempt = (tookMs: number, output: number, over: Partial<Attempt> = {}): Attempt => ({
  deployment: 'mini',
  provider: 'p',
  started_at: 0,
  queued_ms: 0,
  took_ms: tookMs,
  outcome: 'ok',
  status_code: 200,
  usage: { input_tokens: 100, cached_tokens: 0, output_tokens: output, reasoning_tokens: 0 },
  cost_usd: null,
  error: null,
  ...over,
});

test('durations follow the tokens of an answer; before the first nothing is known', () => {
  const learned = learnedOf();
  assert.equal(learned.predictedMs('mini', { input: 100, output: 10, inFlight: 0 }), null);
  assert.equal(learned.speed('mini'), null);
  for (let i = 1; i <= 200; i++) learned.ended(attempt(200 + (i % 20) * 100, (i % 20) * 10), 0);
  for (const output of [10, 100, 180]) {
    const ms = learned.predictedMs('mini', { input: 100, output, inFlight: 0 }) ?? 0;
    assert.ok(Math.abs(ms - (200 + 10 * output)) < 60, `${output} tokens: ${ms} ms`);
  }
});

test('a slow call counts at once and is forgotten, a failure counts as its timeout, a 429 not at all', () => {
  const learned = learnedOf();
  for (let i = 0; i < 100; i++) learned.ended(attempt(1_000, 50), 0);
  clock.now += 60_000;
  assert.ok(Math.abs((learned.speed('mini') ?? 0) - 1) < 0.1);
  learned.ended(attempt(1, 50, { outcome: 'rate_limited' }), 0);
  assert.ok(Math.abs((learned.speed('mini') ?? 0) - 1) < 0.1);
  learned.ended(attempt(5_000, 50), 0);
  assert.ok((learned.speed('mini') ?? 0) > 4);
  clock.now += 60_000;
  assert.ok((learned.speed('mini') ?? 0) < 1.1);
  learned.ended(attempt(10, 0, { outcome: 'provider_error', usage: null }), 0);
  assert.ok((learned.speed('mini') ?? 0) > 10);
  assert.equal(learned.speed('other'), null);
});
