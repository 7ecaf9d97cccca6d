/**
 * From when a limit counts as booked ahead: the one rule for what a plan leaves out of a limit and what `blocked` names. Pure.
 *
 * At full speed every limit is always ahead by what may start at once, and by the call that started last: that takes nothing from
 * what comes. Two seconds hold both for small calls: a burst of half a second, a quarter of one that is booked ahead (rules.ts), answers that were
 * longer than expected, and that a look at it is up to a second old. A call that takes longer by itself is as usual where
 * such are made. What counts is what is more: calls that took much of it at once, as with a large maximum that stays charged, and a
 * pause that a provider asked for.
 *
 * Of that, less than three seconds counts as none. They are over when the next plan is made (planning's PLAN_EVERY_MS), and named they would
 * come and go with every answer that is longer than expected. Where it is more, all beyond the usual counts.
 */
import { LONGEST_DEBT_MS } from './pacer.ts';

export const BOOKED_AHEAD = {
  /** Always there at full speed, ms; or one call, where that takes longer. */
  usualMs: 2_000,
  /** So much more counts, ms. */
  leastMs: 3_000,
} as const;

interface Rate {
  /** Requests or tokens per ms. */
  perMs: number;
  /** How far it is booked, ms from now. */
  aheadMs: number;
}

/**
 * How far a limit is booked ahead beyond what is usual, ms; 0 = as usual. No more than a minute counts: nobody waits longer for what
 * was booked before. `callUnits`: what one of the calls takes of it that are to be made there, requests or tokens; asked for only where that matters.
 */
export function bookedBeyondMs({ perMs, aheadMs }: Rate, callUnits: () => number): number {
  const { usualMs, leastMs } = BOOKED_AHEAD;
  const countedMs = Math.min(LONGEST_DEBT_MS, aheadMs);
  if (countedMs <= usualMs + leastMs || perMs <= 0) return 0;
  const beyondMs = countedMs - Math.max(usualMs, callUnits() / perMs);
  return beyondMs > leastMs ? beyondMs : 0;
}
