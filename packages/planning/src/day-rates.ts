/**
 * Limits per day and month in the plan: what is left of them at once, and then what comes back at a steady rate, which is
 * what a day brings in the mean. Only those that the work could use up, for each makes the program larger. Pure.
 */
import type { JobClass, PlannedRate } from './problem.ts';
import { DAY_MS, LIMITED_FOR_MS, mostOf } from './windows.ts';
import type { WindowName } from './windows.ts';

/** A limit per day or month, and what is gone of it. */
export interface WindowUse {
  dimension: WindowName;
  limit: number;
  used: number;
}

export function dayRates(
  windows: readonly WindowUse[],
  classes: readonly JobClass[],
): PlannedRate[] {
  return windows.flatMap(({ dimension, limit, used }): PlannedRate[] => {
    const burst = Math.max(0, limit - used);
    return mostOf(classes, dimension) <= burst
      ? []
      : [{ dimension, perMs: limit / LIMITED_FOR_MS[dimension], burst }];
  });
}

const LENGTHS: ReadonlyMap<string, number> = new Map(Object.entries(LIMITED_FOR_MS));
/** Within it the mean rate of a day says nothing. */
const HOUR_MS = 3_600_000;
/** Of a day: figures of a program are not exact. */
const NEARLY = 0.01;

/**
 * A day or month that is used up comes back as it was used: mostly at once, a day or month later. So where such a limit takes the
 * time, the end comes with a whole one, not somewhere in it. ms from now; null = no such limit takes the time. `binding`: the
 * dimensions that do.
 */
export function renewalMs(endMs: number, binding: readonly string[]): number | null {
  const lengthMs = Math.max(0, ...binding.map((dimension) => LENGTHS.get(dimension) ?? 0));
  if (endMs <= HOUR_MS || lengthMs === 0) return null;
  return Math.ceil((endMs - NEARLY * DAY_MS) / lengthMs) * lengthMs;
}
