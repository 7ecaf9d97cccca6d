/**
 * A limit per day or month, counted in bins: the current one and as many whole ones before it as the window is
 * long, so that no window, wherever it begins, ever holds more than the limit.
 */
import type { WindowRule } from './rules.ts';

/** What was charged in the bin number `index` = floor(ms ÷ binMs). */
export interface Bin {
  index: number;
  amount: number;
}

/** The call's clock may be this far from the booking's: credit goes to a bin no later than the charge's. */
export const CREDIT_MARGIN_MS = 60_000;

/** The bins that still count at `now`, oldest first. */
export function liveBins(bins: readonly Bin[], rule: WindowRule, now: number): Bin[] {
  const oldest = Math.floor(now / rule.binMs) - rule.bins;
  return bins.filter((bin) => bin.index >= oldest);
}

export const usedIn = (bins: readonly Bin[]): number =>
  bins.reduce((sum, bin) => sum + bin.amount, 0);

/**
 * When there will be room for `amount`, given live bins that have none now: when enough of the oldest have fallen
 * out. An amount above the limit itself never has room; it is told to ask again in a bin's time.
 */
export function roomAt(
  bins: readonly Bin[],
  rule: WindowRule,
  want: { amount: number; now: number },
): number {
  if (want.amount > rule.limit) return want.now + rule.binMs;
  let used = usedIn(bins);
  let at = want.now;
  for (const bin of bins) {
    if (used + want.amount <= rule.limit) break;
    at = (bin.index + rule.bins + 1) * rule.binMs;
    used -= bin.amount;
  }
  return at;
}

/** Charges to the bin `index`, or to the newest one if that is later. */
export function addTo(bins: readonly Bin[], index: number, amount: number): Bin[] {
  const last = bins.at(-1);
  if (last === undefined || last.index < index) return [...bins, { index, amount }];
  return [...bins.slice(0, -1), { index: last.index, amount: last.amount + amount }];
}

/** Gives back to the newest bin that is not later than `index`, at most what it holds. */
export function giveBack(bins: readonly Bin[], index: number, amount: number): Bin[] {
  const at = bins.findLastIndex((bin) => bin.index <= index);
  return bins.map((bin, i) =>
    i === at ? { index: bin.index, amount: Math.max(0, bin.amount - amount) } : bin,
  );
}
