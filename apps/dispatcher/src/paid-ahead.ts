/** For how many lines a ceiling pays, before the first is fed: it goes to the cheaper deployments as its batch will. Pure. */
import type { EstimateRange } from '@sluice/ledger';
import type { PricedPlace } from './ceiling.ts';

/** What a line costs there, US dollars. */
type Place = PricedPlace & { usd: EstimateRange };

/** Of one class. */
export interface PricedLines {
  lines: number;
  places: readonly Place[];
}

/** Each class has the part of it that it takes where lines are cheapest. `low`: where they become dear. */
export function paidAhead(ceilingUsd: number, classes: readonly PricedLines[]): EstimateRange {
  const paidAt = (end: keyof EstimateRange): number => {
    const least = ({ lines, places }: PricedLines): number =>
      lines * places.reduce((usd, place) => Math.min(usd, place.usd[end]), Infinity);
    const open = classes.filter(({ lines, places }) => lines > 0 && places.length > 0);
    const all = open.reduce((sum, one) => sum + least(one), 0);
    return open.reduce((sum, one) => {
      const part = all > 0 ? (ceilingUsd * least(one)) / all : ceilingUsd;
      return sum + Math.min(one.lines, linesFor(part, { ...one, end }));
    }, 0);
  };
  return { low: paidAt('high'), likely: paidAt('likely'), high: paidAt('low') };
}

/**
 * All places go as fast as they can while what is left pays for that, each as dear as it can become; then those of the highest price
 * get none, and so on (`moneyAt`).
 */
function linesFor(
  usd: number,
  { places, end }: Pick<PricedLines, 'places'> & { end: keyof EstimateRange },
): number {
  const prices = [...new Set(places.map(({ mostUsd }) => mostUsd))].toSorted((a, b) => b - a);
  let [left, lines] = [usd, 0];
  for (const [i, price] of prices.entries()) {
    const among = places.filter(({ mostUsd }) => mostUsd <= price);
    const cheaper = among.filter(({ mostUsd }) => mostUsd < price);
    const isLast = i === prices.length - 1;
    const keptUsd = isLast
      ? 0
      : cheaper.reduce((sum, one) => sum + one.mostUsd * one.atOnce, price);
    if (left <= keptUsd) continue;
    const atOnce = among.reduce((sum, one) => sum + one.atOnce, 0);
    const turnUsd = among.reduce((sum, one) => sum + one.atOnce * one.usd[end], 0);
    lines += turnUsd > 0 ? ((left - keptUsd) * atOnce) / turnUsd : Infinity;
    left = keptUsd;
  }
  return lines;
}
