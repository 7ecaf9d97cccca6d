/** What becomes of a failed attempt: the retry policy's answer, with the retry budget's wait. Pure. */
import { keptTiers } from '@sluice/balancing';
import type { FailureClass, Fleet } from '@sluice/job';
import type { OutcomeMeta } from '@sluice/ledger';
import { decideInPool, inItsTurn } from '@sluice/retry';
import type { Backoff, RetryBudgets, Verdict } from '@sluice/retry';

export interface VerdictFacts {
  fleet: Fleet;
  pool: string;
  maxTier: number | null;
  maxAttempts: number;
  backoff: Backoff;
  now: number;
  deadlineAt: number;
  tenant: string;
  retries: Pick<RetryBudgets, 'waitFor'>;
}

export function verdictOf(meta: OutcomeMeta, facts: VerdictFacts, random: () => number): Verdict {
  const { maxTier, maxAttempts, backoff, now, deadlineAt } = facts;
  const { deployment, attempts, retryAfterMs } = meta;
  const outcome = meta.outcome as FailureClass;
  const found = facts.fleet.pools.get(facts.pool);
  const pool = found ? { on: found.on, tiers: keptTiers(found, deployment) } : null;
  const next = decideInPool(
    {
      outcome,
      deployment,
      attempts,
      retryAfterMs,
      pool,
      maxTier,
      maxAttempts,
      backoff,
      now,
      deadlineAt,
    },
    random,
  );
  if (next.kind !== 'retry') return next;
  const waitMs = facts.retries.waitFor({ deployment, tenant: facts.tenant, outcome }, now);
  return { ...next, notBeforeMs: inItsTurn(next.notBeforeMs, waitMs, deadlineAt) };
}
