import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attempt, FailureClass } from '@sluice/job';
import { decideInPool } from './decide-in-pool.ts';
import type { PoolFailure } from './decide-in-pool.ts';

const failed = (deployment: string, outcome: FailureClass = 'timeout'): Attempt =>
  ({ deployment, outcome }) as Attempt;

function after(deployments: string[], over: Partial<PoolFailure> = {}) {
  const failure: PoolFailure = {
    outcome: 'timeout',
    deployment: deployments.at(-1) as string,
    attempts: deployments.map((id) => failed(id)),
    pool: { tiers: [['a', 'b'], ['c']], on: ['timeout'] },
    maxTier: null,
    maxAttempts: 9,
    backoff: { baseMs: 500, capMs: 30_000 },
    now: 0,
    deadlineAt: 600_000,
    retryAfterMs: null,
    ...over,
  };
  const verdict = decideInPool(failure, () => 0);
  assert.ok(verdict.kind === 'retry', verdict.kind);
  return verdict;
}

test('a tier is left for a class that leaves it, and only up to the last tier allowed', () => {
  assert.equal(after(['a', 'b']).minTier, 2);
  assert.equal(after(['a', 'b'], { maxTier: 1 }).minTier, 1);
  assert.equal(after(['a', 'b', 'c']).minTier, 2);
});

test('a provider’s wish is waited for where the tiers that the job may use have nobody else', () => {
  const asked = { outcome: 'overloaded' as const, retryAfterMs: 20_000 };
  assert.ok(after(['a', 'b'], asked).notBeforeMs < 20_000, 'c may take it');
  assert.equal(after(['a', 'b'], { ...asked, maxTier: 1 }).notBeforeMs, 20_000);
});

test('a class that is not in `on` stays in its tier, whoever has failed there', () => {
  const pool = { tiers: [['a', 'b'], ['c']], on: [] };
  assert.equal(after(['a', 'b'], { pool }).minTier, 1);
});

test('a pool that is gone from the config leaves the job where it is', () => {
  assert.equal(after(['a'], { pool: null }).minTier, 1);
});
