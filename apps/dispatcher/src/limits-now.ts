/** What budgets allow as it stands: what is configured, and what headers and 429s teach beside it. Pure. */
import type { DeploymentLoad, WindowLoad } from '@sluice/admission';
import type { PacedDimension } from '@sluice/budget';
import type { Fleet } from '@sluice/job';
import type { View } from './deployment-view.ts';

interface Seen {
  fleet: Fleet;
  /** Deployments that draw on the budget. */
  drawers: readonly View[];
}

/**
 * Calls at once that a budget allows: as configured, or what 429s leave of it. Null = any number. A slow start does not
 * count: it doubles with every round of answers.
 */
export function callsAtOnce({ fleet, drawers }: Seen, budget: string): number | null {
  let least = fleet.budgets.get(budget)?.limits.concurrency ?? null;
  for (const { load } of drawers)
    for (const slots of load.slots)
      if (slots.taught && slots.budget === budget)
        least = Math.min(least ?? slots.size, Math.floor(slots.size));
  return least;
}

/** The same for a deployment's own budget, as far as its slow start has come. */
export function ownCallsAtOnce(
  { budgets }: Fleet,
  id: string,
  { slots }: DeploymentLoad,
): number | null {
  const own = slots.find(({ budget }) => budget === id);
  const configured = budgets.get(id)?.limits.concurrency ?? null;
  return own === undefined ? configured : Math.min(configured ?? own.size, Math.floor(own.size));
}

/** Per minute, what is configured or less; without a look at Redis what is configured. Null = no limit is known. */
export function limitOf(
  { fleet, drawers }: Seen,
  budget: string,
  dimension: PacedDimension,
): number | null {
  const configured = fleet.budgets.get(budget)?.limits[dimension] ?? null;
  for (const { load } of drawers)
    for (const dim of load.dims)
      if (dim.budget === budget && dim.dimension === dimension)
        return Math.min(configured ?? dim.limit, dim.limit);
  return configured;
}

/**
 * For how long all that comes of a limit is spoken for, ms: by what is booked of it, or by a pause that a provider asked for of all
 * that draw on it.
 */
export function bookedAheadMs(
  drawers: readonly View[],
  { budget, dimension }: { budget: string; dimension: PacedDimension },
  now: number,
): number {
  const booked = drawers.flatMap(({ rates, readAt }) =>
    rates
      .filter((rate) => rate.budget === budget && rate.dimension === dimension)
      .map(({ aheadMs }) => aheadMs - (now - readAt)),
  );
  return booked.length === 0 ? 0 : Math.max(0, Math.min(...booked));
}

/** Its limits per day and month, and what is used of each; before a look at Redis none. */
export function windowsOf(drawers: readonly View[], budget: string): WindowLoad[] {
  for (const { load } of drawers) {
    const own = load.windows.filter((window) => window.budget === budget);
    if (own.length > 0) return own;
  }
  return [];
}
