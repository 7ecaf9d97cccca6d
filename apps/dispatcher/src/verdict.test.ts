import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fleet } from '@sluice/job';
import type { OutcomeMeta } from '@sluice/ledger';
import { RetryBudgets } from '@sluice/retry';
import { verdictOf } from './verdict.ts';

const fleet = {
  pools: new Map([['fast', { id: 'fast', tiers: [['a', 'b']], on: [], aliases: [] }]]),
  deployments: new Map(),
  budgets: new Map(),
} as unknown as Fleet;

const failure = (outcome: string): OutcomeMeta =>
  ({
    outcome,
    deployment: 'a',
    attempts: [{ deployment: 'a', outcome }],
    retryAfterMs: null,
  }) as unknown as OutcomeMeta;

const deadlineAt = 60_000;

function notBefore(
  budgets: RetryBudgets,
  outcome: string,
  { backoff = { baseMs: 500, capMs: 30_000 }, random = 0 } = {},
): number {
  const facts = {
    fleet,
    pool: 'fast',
    maxTier: null,
    maxAttempts: 9,
    backoff,
    now: 0,
    deadlineAt,
    tenant: 't',
    retries: budgets,
  };
  const verdict = verdictOf(failure(outcome), facts, () => random);
  assert.ok(verdict.kind === 'retry');
  return verdict.notBeforeMs;
}

test('when a thousand calls fail at once, their retries go out spread over time, and none expires of it', () => {
  const budgets = new RetryBudgets();
  const moments = Array.from({ length: 1_000 }, () => {
    budgets.called('a', 0);
    budgets.calledFor('t', 1, 0);
    return notBefore(budgets, 'network');
  });
  assert.ok(
    moments.slice(0, 100).every((ms) => ms === 0),
    'what is saved up goes at once',
  );
  const waiting = moments.slice(200, 700);
  assert.ok(waiting.every((ms, i) => ms > 0 && ms >= (waiting[i - 1] ?? 0)));
  assert.ok(moments.every((ms) => ms < deadlineAt));
});

test('a 429 or a block takes nothing of it', () => {
  const budgets = new RetryBudgets();
  for (let i = 0; i < 1_000; i++)
    assert.equal(notBefore(budgets, i % 2 ? 'rate_limited' : 'credential'), 0);
  assert.equal(notBefore(budgets, 'timeout'), 0);
});

const wait = (backoff: { baseMs: number; capMs: number }): number =>
  notBefore(new RetryBudgets(), 'timeout', { backoff, random: 0.5 });

test('the wait goes by what the config says', () => {
  assert.equal(wait({ baseMs: 20_000, capMs: 30_000 }), 10_000);
  assert.equal(wait({ baseMs: 20_000, capMs: 4_000 }), 2_000);
});
