/**
 * Where lines may go that were fed before and are to be placed again: what they may cost is kept for them where they were, and at a
 * dearer place the difference must be left of their batch's ceiling. Pure.
 */
import type { Ceiling } from './ceiling.ts';
import { copyOf, noteFed, noteLeft, underWay } from './fed-lines.ts';
import type { PricedPlace } from './price-steps.ts';

/** Lines of a batch that are placed together. */
export interface Again {
  lines: number;
  /** Where they were; '' = nobody knows. */
  from: string;
  places: readonly Pick<PricedPlace, 'id' | 'mostUsd'>[];
}

export interface PaidAgain {
  /** What is left pays for them there. */
  among: ReadonlySet<string>;
  /** Nothing else of the batch is under way: it may pass its ceiling, at one of these, the cheapest first. One line does. */
  passing: readonly string[];
  /** Of these lines one would pass it: where there is no place for all, they are placed one by one. */
  splits: boolean;
}

export const NOWHERE: PaidAgain = { among: new Set(), passing: [], splits: false };

/** `fed`: lines of the batch; `waits`: those of them that wait for a place, these too; `mostUsd`: of one of which nobody knows where it is. */
export function paidAgain(
  ceiling: Ceiling,
  { fed, waits, mostUsd }: { fed: number; waits: number; mostUsd: number },
  { lines, from, places }: Again,
): PaidAgain {
  const leftUsd = ceiling.usd - ceiling.spentUsd;
  if (leftUsd <= 0) return NOWHERE;
  const { recorded, answered } = ceiling;
  const out = Math.max(0, fed - recorded);
  const usdOf = (book: Ceiling['fed']): number => underWay(book, { out, answered, mostUsd }).usd;
  const paid = places.filter(({ id, mostUsd: usd }) => {
    const book = copyOf(ceiling.fed);
    noteFed(book, id, usd, lines);
    if (from !== '') noteLeft(book, from, lines);
    return usdOf(book) <= leftUsd + 1e-12;
  });
  const isAlone = out <= waits;
  const cheapestFirst = places.toSorted((a, b) => a.mostUsd - b.mostUsd);
  return {
    among: new Set(paid.map(({ id }) => id)),
    passing: isAlone && lines === 1 ? cheapestFirst.map(({ id }) => id) : [],
    splits: isAlone && lines > 1,
  };
}
