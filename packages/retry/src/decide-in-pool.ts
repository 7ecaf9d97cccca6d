/**
 * What becomes of a job after a failed call, with what its pool says about tiers: {@link decideNext}, told whether there is
 * another deployment and a tier to go on to, and from which tier the job may be tried again.
 */
import type { Pool } from '@sluice/job';
import { decideNext } from './decide-next.ts';
import type { FailureFacts, NextStep } from './decide-next.ts';

export interface PoolFailure extends Omit<FailureFacts, 'hasAlternative' | 'nextTier'> {
  /** Where the call failed. */
  deployment: string;
  /** Null: it is in the config no longer. */
  pool: Pick<Pool, 'tiers' | 'on'> | null;
  /** The last tier the job may use; null = all. */
  maxTier: number | null;
}

export type Verdict =
  | Exclude<NextStep, { kind: 'retry' }>
  | (Extract<NextStep, { kind: 'retry' }> & { minTier: number });

export function decideInPool(failure: PoolFailure, random: () => number): Verdict {
  const { deployment, pool, maxTier, ...facts } = failure;
  const tiers = pool?.tiers ?? [];
  const tier = Math.max(1, tiers.findIndex((members) => members.includes(deployment)) + 1);
  const leaves = pool?.on.includes(facts.outcome) ?? false;
  const last = Math.min(pool?.tiers.length ?? 1, maxTier ?? Infinity);
  const tried = new Set([deployment, ...facts.attempts.map((attempt) => attempt.deployment)]);
  const allowed = tiers.slice(0, last).flat();
  const hasAlternative = allowed.some((id) => !tried.has(id));
  const next = decideNext({ ...facts, hasAlternative, nextTier: leaves && tier < last }, random);
  if (next.kind !== 'retry') return next;
  // Everybody in the tier has failed this job.
  const spent = (tiers[tier - 1] ?? []).every((id) => next.exclude.includes(id));
  const up = next.where === 'next_tier' || (leaves && spent);
  return { ...next, minTier: up ? Math.min(tier + 1, last) : tier };
}
