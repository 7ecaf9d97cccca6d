/**
 * Which prices of one job count as the same. One rule for all who save money: the plan, the placement and the simulation.
 */

/** Rounding, as a part. */
const ROUNDING = 1e-9;

/** Whether a price counts as the same as the cheapest: at most so many percent above it. What is free is the same as what is free only. */
export const isSamePrice = (usd: number, cheapest: number, withinPercent: number): boolean =>
  usd <= cheapest * (1 + withinPercent / 100) * (1 + ROUNDING);

/**
 * By key, what each price counts as: the cheapest of those that count as the same. From the cheapest upwards: what is not the same as
 * it begins a price of its own, with those that are the same as that one. Unknown prices (null) stay unknown.
 */
export function pricesCountedAs<K>(
  prices: ReadonlyMap<K, number | null>,
  withinPercent: number,
): Map<K, number | null> {
  const known = [...prices].flatMap(([key, usd]) => (usd === null ? [] : [{ key, usd }]));
  const counted = new Map<K, number | null>(prices);
  let cheapest = Number.NEGATIVE_INFINITY;
  for (const { key, usd } of known.toSorted((a, b) => a.usd - b.usd)) {
    if (!isSamePrice(usd, cheapest, withinPercent)) cheapest = usd;
    counted.set(key, cheapest);
  }
  return counted;
}
