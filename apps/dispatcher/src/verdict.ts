/** What becomes of a failed attempt: the retry policy's answer, with the retry budget's wait. Pure. */
import type { FailureClass, Fleet } from '@sluice/job';
import type { OutcomeMeta } from '@sluice/ledger';
import { decideInPool } from '@sluice/retry';
import type { Verdict } from '@sluice/retry';

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

export function verdictOf(meta: OutcomeMeta, facts: VerdictFacts, random: () => number): Verdict {
  const { maxTier, maxAttempts, now, deadlineAt } = facts;
  const { deployment, attempts, retryAfterMs } = meta;
  const outcome = meta.outcome as FailureClass;
  const pool = facts.fleet.pools.get(facts.pool) ?? null;
  const next = decideInPool(
    { outcome, deployment, attempts, retryAfterMs, pool, maxTier, maxAttempts, now, deadlineAt },
    random,
  );
  if (next.kind !== 'retry') return next;
  const later = next.notBeforeMs + facts.retryWait(deployment, outcome);
  // Waiting for its turn is no reason to expire.
  return later < deadlineAt ? { ...next, notBeforeMs: later } : next;
}
