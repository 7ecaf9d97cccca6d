import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '@sluice/job';
import { NO_CALLS, charsPerToken, countEnded, meanOutput, tally } from './counters.ts';
import type { Counters, EndedOutcome } from './counters.ts';

const ended = (outcome: Outcome, more: Partial<EndedOutcome> = {}): EndedOutcome => ({
  outcome,
  tookMs: 100,
  characters: 400,
  usage:
    outcome === 'ok'
      ? { input_tokens: 100, cached_tokens: 0, output_tokens: 30, reasoning_tokens: 0 }
      : null,
  costUsd: 0.5,
  ...more,
});

const after = (counters: Counters, ...calls: EndedOutcome[]): Counters =>
  countEnded(counters, tally(calls));

test('answers and failures are counted, the latter by class', () => {
  const calls = tally([ended('ok'), ended('timeout'), ended('timeout'), ended('rate_limited')]);
  assert.deepEqual(calls.failures, { timeout: 2, rate_limited: 1 });
  assert.equal(calls.lastFailure, 'rate_limited');
  const counters = countEnded(NO_CALLS, calls);
  assert.deepEqual([counters.ended, counters.ok, counters.costUsd], [4, 1, 2]);
});

test('failures in a row go on over tallies and end with an answer; a 429 is not held against anyone', () => {
  const sick = after(after(NO_CALLS, ended('network')), ended('rate_limited'), ended('timeout'));
  assert.equal(sick.consecutiveFailures, 2);
  assert.equal(after(sick, ended('bad_request')).consecutiveFailures, 2);
  assert.equal(after(sick, ended('ok'), ended('overloaded')).consecutiveFailures, 1);
});

test('the mean latency is the same for calls settled together or one by one, and failures do not count', () => {
  const took = [50, 400, 90, 1_000, 10];
  const first = after(NO_CALLS, ended('ok', { tookMs: 200 }), ended('network', { tookMs: 1 }));
  assert.equal(first.meanLatencyMs, 200);
  const together = after(first, ...took.map((tookMs) => ended('ok', { tookMs })));
  const single = took.reduce((c, tookMs) => after(c, ended('ok', { tookMs })), first);
  assert.ok(Math.abs(together.meanLatencyMs - single.meanLatencyMs) < 1e-9);
});

test('characters per token and mean output are learnt and follow a change', () => {
  assert.deepEqual([charsPerToken(NO_CALLS), meanOutput(NO_CALLS)], [null, null]);
  let counters = after(NO_CALLS, ended('ok'));
  assert.deepEqual([charsPerToken(counters), meanOutput(counters)], [4, 30]);
  const usage = { input_tokens: 200, cached_tokens: 0, output_tokens: 90, reasoning_tokens: 0 };
  for (let i = 0; i < 40_000; i += 1) counters = after(counters, ended('ok', { usage }));
  assert.ok(Math.abs((charsPerToken(counters) ?? 0) - 2) < 0.01);
  assert.ok(Math.abs((meanOutput(counters) ?? 0) - 90) < 0.1);
  assert.ok(counters.outputs <= 2_000 && counters.inputTokens <= 4_000_000);
});
