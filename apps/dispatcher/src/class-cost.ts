/** What a line of a class takes at a deployment, in the mean: lines that set a maximum and those that do not differ. Pure. */
import type { Cost, Outsized } from '@sluice/budget';
import type { Shape } from '@sluice/job';
import type { BatchClass } from '@sluice/ledger';
import type { Likely } from './lengths-book.ts';
import type { Picture } from './picture.ts';

/** Lines that are one class, and how long answers to them are. */
export interface OfClass {
  lines: BatchClass;
  likely: Likely;
}

export function meanCost(picture: Picture, id: string, { lines, likely }: OfClass): Cost {
  const { set: withMaximum, unset: without, share } = shapesOf(lines);
  const set = picture.likelyCost(id, withMaximum, likely);
  const unset = picture.likelyCost(id, without, likely);
  return {
    requests: 1,
    input: set.input,
    output: share * set.output + (1 - share) * unset.output,
    usd: share * set.usd + (1 - share) * unset.usd,
  };
}

/** US dollars, for comparing prices; null = it is not known. */
export function meanComparedUsd(
  picture: Picture,
  id: string,
  { lines, likely }: OfClass,
): number | null {
  const { set, unset, share } = shapesOf(lines);
  const one = picture.comparedUsd(id, set, likely);
  const other = picture.comparedUsd(id, unset, likely);
  return one === null || other === null ? null : share * one + (1 - share) * other;
}

/** 0 where nothing is known. */
export const meanLatency = (picture: Picture, id: string): number =>
  picture.load(id)?.meanLatencyMs ?? 0;

/** The limit that lines of the class are too large for, all of them; null = some fit. */
export function outsizedAt(
  picture: Picture,
  id: string,
  { lines, likely }: OfClass,
): Outsized | null {
  const { set, unset, share } = shapesOf(lines);
  const of = (shape: Shape): Outsized | null => picture.outsized(id, shape, likely);
  if (share >= 1) return of(set);
  const found = of(unset);
  return found !== null && share > 0 ? of(set) : found;
}

/** Lines that set a maximum, and the part of all that they are, and those that do not. */
function shapesOf(lines: BatchClass): { set: Shape; unset: Shape; share: number } {
  const jobs = Math.max(1, lines.jobs);
  const setters = Math.max(0, lines.jobs - lines.unsetOutput);
  const characters = lines.characters / jobs;
  const unset: Shape = { characters, maxOutput: null, inputs: 1 };
  const set = setters > 0 ? { ...unset, maxOutput: lines.maxOutput / setters } : unset;
  return { set, unset, share: setters / jobs };
}
