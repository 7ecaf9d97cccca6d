/**
 * T* where limits per day and month count, too. What has started by A fits into ⌊A ÷ day⌋ + 1 days, each of which holds its
 * limit at most; so within one day these limits are constants, and T* is the least A of the first day whose constants are
 * enough. More days give more, so that day is found by halving, between what a steady rate would need and a window more.
 */
import { type IdealDrain, idealDrain } from './ideal-drain.ts';
import { limitsOf } from './limits.ts';
import type { DrainProblem, PlannedRate } from './problem.ts';
import { DAY_MS, LIMITED_FOR_MS, mostOf } from './windows.ts';
import type { WindowName } from './windows.ts';

export interface WindowLimit {
  budget: string;
  window: WindowName;
  /** Requests, tokens or dollars in any window of its length; above 0. */
  limit: number;
}

export type IdealTime =
  | { kind: 'solved'; idealMs: number }
  | Exclude<IdealDrain, { kind: 'solved' }>;

/** Of a day: figures of a program are not exact. */
const ROUNDING = 1e-6;

/** As `idealDrain`, whose problem says nothing of days and months; all of `windows` is there at the start. */
export async function idealByDays(
  problem: DrainProblem,
  windows: readonly WindowLimit[],
): Promise<IdealTime> {
  const scarce = windows.filter(({ window, limit }) => mostOf(problem.classes, window) > limit);
  const steady = await idealDrain(withRates(problem, scarce, steadyRate));
  if (steady.kind !== 'solved' || scarce.length === 0) return steady;
  const { shortestMs } = limitsOf(problem);
  const longest = Math.max(...scarce.map(({ window }) => LIMITED_FOR_MS[window] / DAY_MS));
  const steadyDays = (steady.idealMs - shortestMs) / DAY_MS;
  let first = Math.floor(Math.max(0, steadyDays - ROUNDING));
  let last = (Math.floor(steadyDays / longest) + 1) * longest;
  while (first < last) {
    const day = Math.floor((first + last) / 2);
    const waitMs = await waitOn(problem, { scarce, day, shortestMs });
    if (typeof waitMs !== 'number') return waitMs;
    if (waitMs < (day + 1) * DAY_MS) last = day;
    else first = day + 1;
  }
  const waitMs = await waitOn(problem, { scarce, day: first, shortestMs });
  if (typeof waitMs !== 'number') return waitMs;
  return { kind: 'solved', idealMs: Math.max(first * DAY_MS, waitMs) + shortestMs };
}

/** How long the last start takes with what there is of the windows on that day (from 0), ms; Infinity = it is not enough. */
async function waitOn(
  problem: DrainProblem,
  { scarce, day, shortestMs }: { scarce: readonly WindowLimit[]; day: number; shortestMs: number },
): Promise<number | Extract<IdealTime, { kind: 'failed' | 'infeasible' }>> {
  const by = ({ window, limit }: WindowLimit): PlannedRate => {
    const begun = Math.floor((day * DAY_MS) / LIMITED_FOR_MS[window]) + 1;
    return { dimension: window, perMs: 0, burst: limit * begun };
  };
  const found = await idealDrain(withRates(problem, scarce, by));
  if (found.kind === 'infeasible') return Infinity;
  return found.kind === 'solved' ? found.idealMs - shortestMs : found;
}

/** Never less than what a window gives in whole steps. */
const steadyRate = ({ window, limit }: WindowLimit): PlannedRate => ({
  dimension: window,
  perMs: limit / LIMITED_FOR_MS[window],
  burst: limit,
});

const withRates = (
  problem: DrainProblem,
  windows: readonly WindowLimit[],
  rateOf: (window: WindowLimit) => PlannedRate,
): DrainProblem => ({
  ...problem,
  budgets: problem.budgets.map((budget) => ({
    ...budget,
    rates: [
      ...budget.rates,
      ...windows.filter((window) => window.budget === budget.id).map(rateOf),
    ],
  })),
});
