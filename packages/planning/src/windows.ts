/**
 * Limits per day and month: how long each counts, and what of it the work takes. No more than the limit within any window, so what is
 * used up comes back as it was used, a window later, not at a steady rate.
 */
import { unitsOf } from './problem.ts';
import type { JobClass, PlannedDimension } from './problem.ts';

export const DAY_MS = 86_400_000;

/** By dimension: the length of its window, ms. */
export const LIMITED_FOR_MS = {
  rpd: DAY_MS,
  tpd: DAY_MS,
  usd_per_day: DAY_MS,
  usd_per_month: 30 * DAY_MS,
} as const satisfies Partial<Record<PlannedDimension, number>>;

export type WindowName = keyof typeof LIMITED_FOR_MS;

/** All of the work, each class where it takes most of the limit, in the limit's unit. */
export const mostOf = (classes: readonly JobClass[], dimension: PlannedDimension): number =>
  classes.reduce((sum, { jobs, deployments }) => {
    const each = Object.values(deployments).map(({ cost }) => unitsOf(cost, dimension));
    return sum + jobs * Math.max(0, ...each);
  }, 0);
