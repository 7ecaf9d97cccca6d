/**
 * Deployments by what a line costs there at most, the cheapest first: while little is left of a ceiling, the cheaper ones get it.
 * What a line may cost is an estimate: those that differ by less than it does count as equally dear, and have it together. Pure.
 */
import { pricesCountedAs } from '@sluice/job';

/**
 * At most so many percent dearer than the cheapest of them counts as equally dear. Characters per token are learnt of each deployment
 * by itself: of one price, with the same lines, they differ by a few percent.
 */
const SAME_WITHIN_PERCENT = 10;

/** A deployment that a line may go to, and what the line costs there at most. */
export interface PricedPlace {
  id: string;
  mostUsd: number;
  /** Lines of the batch that are under way there while it goes as fast as it can. */
  atOnce: number;
}

/** Those that are equally dear. */
export interface PriceStep {
  /** At the dearest of them, US dollars. */
  mostUsd: number;
  /** What lines may cost that are under way at all that are cheaper while those go as fast as they can, US dollars. */
  besidesUsd: number;
  ids: ReadonlySet<string>;
}

/** The cheapest first. */
export function priceSteps(places: readonly PricedPlace[]): PriceStep[] {
  const usd = new Map(places.map((place) => [place, place.mostUsd]));
  const countedAs = pricesCountedAs(usd, SAME_WITHIN_PERCENT);
  const prices = [...new Set(countedAs.values())].toSorted((a, b) => (a ?? 0) - (b ?? 0));
  let besidesUsd = 0;
  return prices.map((price) => {
    const group = places.filter((place) => countedAs.get(place) === price);
    const mostUsd = Math.max(...group.map((place) => place.mostUsd));
    const step = { mostUsd, besidesUsd, ids: new Set(group.map(({ id }) => id)) };
    if (mostUsd > 0) besidesUsd += group.reduce((sum, { atOnce }) => sum + mostUsd * atOnce, 0);
    return step;
  });
}

/** What must be left for lines to go there. */
export const needOf = ({ mostUsd, besidesUsd }: PriceStep): number => mostUsd + besidesUsd;

/** The deployments that what is left pays for while all of them go as fast as they can; at least the cheapest. */
export function paidPlaces<P extends PricedPlace>(leftUsd: number, places: readonly P[]): P[] {
  const paid = priceSteps(places).filter((step, i) => i === 0 || needOf(step) <= leftUsd);
  return places.filter(({ id }) => paid.some(({ ids }) => ids.has(id)));
}

/**
 * US dollars that further lines may cost at each: the cheaper ones go as fast as they can first, those that are equally dear have the
 * rest together. `underWay`: by deployment, what lines there may cost.
 */
export function moneyAt(
  leftUsd: number,
  places: readonly PricedPlace[],
  underWay: ReadonlyMap<string, number> = new Map(),
): Map<string, number> {
  return new Map(
    priceSteps(places).flatMap(({ besidesUsd, ids }) => {
      const out = [...ids].reduce((sum, id) => sum + (underWay.get(id) ?? 0), 0);
      return [...ids].map((id) => [id, leftUsd - besidesUsd - out] as const);
    }),
  );
}

/** None is cheaper. */
export const cheapestPlaces = (places: readonly PricedPlace[]): ReadonlySet<string> =>
  priceSteps(places)[0]?.ids ?? new Set();

export const cheapestUsd = (places: readonly Pick<PricedPlace, 'mostUsd'>[]): number =>
  places.reduce((least, { mostUsd }) => Math.min(least, mostUsd), Infinity);
