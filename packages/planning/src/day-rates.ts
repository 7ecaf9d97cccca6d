/**
 * Limits per day and month in the plan: what is left of them at once, and then what comes back at a steady rate, which is
 * what a day brings in the mean. Only those that the work could use up, for each makes the program larger. Pure.
 */
import type { JobClass, PlannedRate } from './problem.ts';
import { DAY_MS, mostOf, WINDOWS } from './windows.ts';
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
  const rates = windows.flatMap(({ dimension, limit, used }): PlannedRate[] => {
    const { dimension: planned, ms } = WINDOWS[dimension];
    const burst = Math.max(0, limit - used);
    return mostOf(classes, planned) <= burst
      ? []
      : [{ dimension: planned, perMs: limit / ms, burst }];
  });
  // Of two limits in dollars the one of which less is left.
  const usd = rates.filter(({ dimension }) => dimension === 'usd');
  const [tightest] = usd.toSorted((a, b) => a.burst - b.burst);
  return [...rates.filter(({ dimension }) => dimension !== 'usd'), ...(tightest ? [tightest] : [])];
}

const BY_DAY: ReadonlySet<string> = new Set(['rpd', 'tpd', 'usd']);
/** Within it the mean rate of a day says nothing. */
const HOUR_MS = 3_600_000;
/** Of a day: figures of a program are not exact. */
const NEARLY = 0.01;

/**
 * A day that is used up comes back as it was used: mostly at once, a day later. So where such a limit takes the time, the end
 * comes with a whole day, not somewhere in it. ms from now; null = no such limit takes the time. `binding`: the dimensions
 * that do.
 */
export function renewalMs(endMs: number, binding: readonly string[]): number | null {
  if (endMs <= HOUR_MS || !binding.some((dimension) => BY_DAY.has(dimension))) return null;
  return Math.ceil(endMs / DAY_MS - NEARLY) * DAY_MS;
}
