import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fleet } from '@sluice/job';
import type { OutcomeMeta } from '@sluice/ledger';
import { RetryBudgets } from '@sluice/retry';
import { verdictOf } from './verdict.ts';

const fleet = {
  pools: new Map([
    ['fast', { id: 'fast', strategy: { name: 'capacity' }, tiers: [['a', 'b']], on: [] }],
  ]),
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

test('a job that is kept to its arm has failed everywhere once all of that has failed it: the next tier', () => {
  const tiers = [['a', 'b', 'c@x', 'c@y'], ['d']];
  const arms = { a: 40, b: 40, c: 20 };
  const minTier = (strict: boolean, deployment: string, tried: string[]): number => {
    const pool = { id: 'fast', strategy: { name: 'split', arms, strict }, tiers, on: ['network'] };
    const facts = {
      fleet: { ...fleet, pools: new Map([['fast', pool]]) } as unknown as Fleet,
      pool: 'fast',
      maxTier: null,
      maxAttempts: 9,
      backoff: { baseMs: 500, capMs: 30_000 },
      now: 0,
      deadlineAt,
      tenant: 't',
      retries: { waitFor: () => 0 },
    };
    const attempts = tried.map((id) => ({ deployment: id, outcome: 'network' }));
    const meta = { ...failure('network'), deployment, attempts } as OutcomeMeta;
    const verdict = verdictOf(meta, facts, () => 0);
    assert.ok(verdict.kind === 'retry');
    return verdict.minTier;
  };
  assert.equal(minTier(true, 'a', ['a']), 2);
  assert.equal(minTier(true, 'c@x', ['c@x']), 1, 'the rest of its arm comes first');
  assert.equal(minTier(true, 'c@y', ['c@x', 'c@y']), 2);
  assert.equal(minTier(true, 'd', ['a', 'd']), 2, 'from a tier without arms as ever');
  assert.equal(minTier(false, 'a', ['a']), 1, 'without `strict` another arm may have it');
});

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
