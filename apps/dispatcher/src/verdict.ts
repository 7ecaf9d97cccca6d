/** What becomes of a failed attempt: the retry policy's answer, with what the pool says about tiers. Pure. */
import type { FailureClass, Fleet, Pool } from '@sluice/job';
import type { OutcomeMeta } from '@sluice/ledger';
import { decideNext } from '@sluice/retry';
import type { NextStep } from '@sluice/retry';

export interface VerdictFacts {
  fleet: Fleet;
  pool: string;
  maxTier: number | null;
  maxAttempts: number;
  now: number;
  deadlineAt: number;
  /** How long a retry after this failure of a deployment waits for its turn, ms. */
  retryWait: (deployment: string, outcome: FailureClass) => number;
}

export type Verdict =
  | Exclude<NextStep, { kind: 'retry' }>
  | (Extract<NextStep, { kind: 'retry' }> & { minTier: number });

export function verdictOf(meta: OutcomeMeta, facts: VerdictFacts, random: () => number): Verdict {
  const pool = facts.fleet.pools.get(facts.pool);
  const outcome = meta.outcome as FailureClass;
  const tier = tierOf(pool, meta.deployment);
  const leaves = pool?.on.includes(outcome) ?? false;
  const last = Math.min(pool?.tiers.length ?? 1, facts.maxTier ?? Infinity);
  const next = decideNext(
    {
      outcome,
      attempts: meta.attempts,
      maxAttempts: facts.maxAttempts,
      now: facts.now,
      deadlineAt: facts.deadlineAt,
      retryAfterMs: meta.retryAfterMs,
      hasAlternative: hasAlternative(pool, meta),
      nextTier: leaves && tier < last,
    },
    random,
  );
  if (next.kind !== 'retry') return next;
  const spent = leaves && tierIsSpent(pool, tier, next.exclude);
  const up = next.where === 'next_tier' || spent;
  const later = next.notBeforeMs + facts.retryWait(meta.deployment, outcome);
  // Waiting for its turn is no reason to expire.
  const notBeforeMs = later < facts.deadlineAt ? later : next.notBeforeMs;
  return { ...next, notBeforeMs, minTier: up ? Math.min(tier + 1, last) : tier };
}

const tierOf = (pool: Pool | undefined, deployment: string): number =>
  Math.max(1, (pool?.tiers.findIndex((members) => members.includes(deployment)) ?? 0) + 1);

/** Everybody in the tier has failed this job. */
const tierIsSpent = (pool: Pool | undefined, tier: number, exclude: readonly string[]): boolean =>
  (pool?.tiers[tier - 1] ?? []).every((id) => exclude.includes(id));

const hasAlternative = (pool: Pool | undefined, meta: OutcomeMeta): boolean =>
  (pool?.tiers.flat() ?? []).some(
    (id) => id !== meta.deployment && !meta.attempts.some((attempt) => attempt.deployment === id),
  );
