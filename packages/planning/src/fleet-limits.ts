/** The limits that a plan is made over: those of the whole fleet as they stand, and what is left of its days and months. */
import type { Fleet, RateDimension } from '@sluice/job';
import { dayRates } from './day-rates.ts';
import type { WindowUse } from './day-rates.ts';
import type { DrainProblem, JobClass } from './problem.ts';

/** What is known of the limits. */
export interface LimitsNow {
  /** Of a budget, per ms; as configured, and lower or where nothing is configured as headers and 429s teach them. */
  rates: (budget: string) => readonly RateNow[];
  windows: (budget: string) => readonly WindowUse[];
  /** Calls at once, of a deployment or a budget; null = unlimited. */
  concurrency: (id: string) => number | null;
  /** With full buckets. */
  full: boolean;
}

interface RateNow {
  dimension: RateDimension;
  perMs: number;
  /** How far it is booked ahead beyond what is usual, ms; absent or 0 = no more than that. */
  aheadMs?: number;
}

/** A second's rate, as strict providers start with. */
const BURST_MS = 1_000;

/** `classes`: what is to be planned; only days and months that it could use up count. */
export const fleetLimits = (
  { deployments, budgets }: Pick<Fleet, 'deployments' | 'budgets'>,
  now: LimitsNow,
  classes: readonly JobClass[],
): Pick<DrainProblem, 'deployments' | 'budgets'> => ({
  deployments: [...deployments.values()].map(({ id, budgets: drawn }) => ({
    id,
    budgets: drawn,
    concurrency: now.concurrency(id),
  })),
  budgets: [...budgets.values()].map(({ id }) => ({
    id,
    concurrency: now.concurrency(id),
    rates: [
      ...now.rates(id).map(({ dimension, perMs, aheadMs = 0 }) => ({
        dimension,
        perMs,
        burst: now.full ? perMs * BURST_MS : 0,
        ...(aheadMs > 0 && { aheadMs }),
      })),
      ...dayRates(now.windows(id), classes),
    ],
  })),
});
