/**
 * What is left of limits per day and month, in jobs: how many of a cost still fit, and of which deployments nothing fits of all
 * that waits for them. Those count as used up: nobody waits for them, and no plan reckons with them. Pure.
 */
import type { WindowLoad } from '@sluice/admission';
import { amountOf, RENEWAL_MS } from '@sluice/budget';
import type { Cost } from '@sluice/budget';

/** One kind of work that waits. */
export interface Waits {
  /** Where it may go. */
  members: readonly string[];
  /** Whether one of them has enough left of its day for it. */
  fits: (deployment: string) => boolean;
}

/**
 * How many jobs of this cost still fit beside what is placed and not yet booked (`unbooked`, of a budget's dimension). What
 * comes back soon is waited for as any other limit. Infinity without such limits.
 */
export function jobsThatFit(
  windows: readonly WindowLoad[],
  cost: Cost,
  unbooked: (window: WindowLoad) => number,
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

export const comesBackSoon = ({ used, nextMs }: WindowLoad): boolean =>
  used > 0 && nextMs <= RENEWAL_MS;

/** Of those deployments for which anything waits, whether some of it fits. */
export function fitting(
  deployments: readonly string[],
  waits: Iterable<Waits>,
): Map<string, boolean> {
  const found = new Map<string, boolean>();
  const open = new Set(deployments);
  if (open.size === 0) return found;
  for (const { members, fits } of waits) {
    for (const id of members) {
      if (!open.has(id)) continue;
      found.set(id, fits(id));
      if (found.get(id)) open.delete(id);
    }
    if (open.size === 0) break;
  }
  return found;
}
