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

const comesBackSoon = ({ used, nextMs }: WindowUsed): boolean => used > 0 && nextMs <= RENEWAL_MS;

/** What is larger than the limit itself fits never: an hour later it may be another that waits. */
const NEVER_MS = 3_600_000;

/** When something comes back of the limits that are waited for longer than others, ms from the look at them; 0 = there are none. */
export function renewalMs(windows: readonly WindowUsed[]): number {
  const waitedFor = windows.filter((window) => !comesBackSoon(window));
  const times = waitedFor.map(({ used, nextMs }) => (used > 0 ? nextMs : NEVER_MS));
  return times.length > 0 ? Math.min(...times) : 0;
}
