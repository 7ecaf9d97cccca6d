/** What becomes of a job after a failed call, with what its pool says about tiers: the dispatcher's rule. */
import type { Attempt, FailureClass, Pool } from '@sluice/job';
import { decideNext } from '@sluice/retry';
import type { Backoff, NextStep } from '@sluice/retry';
import type { Task } from './task.ts';

export interface VerdictFacts {
  pool: Pool;
  retryAfterMs: number | null;
  maxAttempts: number;
  backoff: Backoff;
  now: number;
}

export type Verdict =
  | Exclude<NextStep, { kind: 'retry' }>
  | (Extract<NextStep, { kind: 'retry' }> & { minTier: number });

/** `task.attempts` ends with the failed one. */
export function verdictOf(task: Task, facts: VerdictFacts, random: () => number): Verdict {
  const { pool, ...rest } = facts;
  const failed = task.attempts.at(-1) as Attempt;
  const outcome = failed.outcome as FailureClass;
  const tier = Math.max(1, pool.tiers.findIndex((tiers) => tiers.includes(failed.deployment)) + 1);
  const leaves = pool.on.includes(outcome);
  const last = pool.tiers.length;
  const next = decideNext(
    {
      ...rest,
      outcome,
      attempts: task.attempts,
      deadlineAt: task.deadlineAt,
      hasAlternative: pool.tiers
        .flat()
        .some((id) => task.attempts.every(({ deployment }) => deployment !== id)),
      nextTier: leaves && tier < last,
    },
    random,
  );
  if (next.kind !== 'retry') return next;
  const members = pool.tiers[tier - 1] ?? [];
  const spent = leaves && members.every((id) => next.exclude.includes(id));
  const up = next.where === 'next_tier' || spent;
  return { ...next, minTier: up ? Math.min(tier + 1, last) : tier };
}
