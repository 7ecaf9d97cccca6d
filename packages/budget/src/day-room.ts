/** What is left of limits per day and month, in jobs. Pure. */
import { amountOf } from './cost.ts';
import type { Cost } from './cost.ts';
import { RENEWAL_MS } from './rules.ts';
import type { WindowedDimension } from './rules.ts';

/** A limit per day or month, as last looked at. */
export interface WindowUsed {
  dimension: WindowedDimension;
  limit: number;
  used: number;
  /** When something of it falls out, ms from then; 0 = nothing is in it. */
  nextMs: number;
}

/**
 * How many jobs of this cost still fit beside what is placed and not yet booked (`unbooked`, of a budget's dimension). What
 * comes back soon is waited for as any other limit. Infinity without such limits.
 */
export function jobsThatFit<Window extends WindowUsed>(
  windows: readonly Window[],
  cost: Cost,
  unbooked: (window: Window) => number,
): number {
  let jobs = Infinity;
  for (const window of windows) {
    const each = amountOf(window.dimension, cost);
    if (each <= 0 || comesBackSoon(window)) continue;
    const left = window.limit - window.used - unbooked(window);
    jobs = Math.min(jobs, Math.max(0, Math.floor(left / each)));
  }
  return jobs;
}

export const comesBackSoon = ({ used, nextMs }: WindowUsed): boolean =>
  used > 0 && nextMs <= RENEWAL_MS;
