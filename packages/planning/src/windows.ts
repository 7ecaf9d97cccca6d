/**
 * Limits per day and month: what each counts and how long it counts it. No more than the limit within any window, so what is
 * used up comes back as it was used, a window later, not at a steady rate.
 */
import { unitsOf } from './problem.ts';
import type { JobClass, PlannedDimension } from './problem.ts';

export const DAY_MS = 86_400_000;

/** By its name in the config: the dimension that the plan knows it as, and the length of its window, ms. */
export const WINDOWS = {
  rpd: { dimension: 'rpd', ms: DAY_MS },
  tpd: { dimension: 'tpd', ms: DAY_MS },
  usd_per_day: { dimension: 'usd', ms: DAY_MS },
  usd_per_month: { dimension: 'usd', ms: 30 * DAY_MS },
} as const satisfies Record<string, { dimension: PlannedDimension; ms: number }>;

export type WindowName = keyof typeof WINDOWS;

/** All of the work, each class where it takes most of the limit, in the limit's unit. */
export const mostOf = (classes: readonly JobClass[], dimension: PlannedDimension): number =>
  classes.reduce((sum, { jobs, deployments }) => {
    const each = Object.values(deployments).map(({ cost }) => unitsOf(cost, dimension));
    return sum + jobs * Math.max(0, ...each);
  }, 0);
