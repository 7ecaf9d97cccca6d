/**
 * What to expect of the next answer, from all that is known about it: its batch, its tenant in this pool, the pool, and
 * before anything is known a default. Each level counts by how many answers it has seen against how many would make
 * it certain (shrinkage): a batch's first lines are expected like the tenant's others, its thousandth like its own.
 */
import { USUAL_OUTPUT_TOKENS } from '@sluice/job';
import { type Lengths, quantileOf } from './lengths.ts';

/** Output tokens. */
export interface Expected {
  mean: number;
  p50: number;
  p995: number;
}

/** How many answers make a level count as much as all more general ones together. A far quantile needs more to be seen. */
const HALF_CERTAIN = { mean: 10, p50: 20, p995: 400 } as const;

/** Levels of knowledge, the most general first, e.g. pool, tenant in the pool, batch; null or absent = nothing known. */
type Levels = readonly (Lengths | null | undefined)[];

/** Only the mean, output tokens. */
export const expectedMean = (levels: Levels, otherwise: number): number =>
  levels.reduce<number>((general, lengths) => {
    if (!lengths || lengths.known <= 0) return general;
    const { known, mean } = lengths;
    return towards(general, mean, known / (known + HALF_CERTAIN.mean));
  }, otherwise);

/** How much of that mean is owed to answers: 0 = none was seen, towards 1 with each. */
export const certaintyOf = (levels: Levels): number =>
  1 -
  expectedMean(
    levels.map((each) => each && { ...each, mean: 0 }),
    1,
  );

/** Before anything is known of a request but the most it may produce. */
export const usualOutput = (most: number): number => Math.min(most, USUAL_OUTPUT_TOKENS);

export function expectedOutput(levels: Levels, otherwise: Expected): Expected {
  return levels.reduce<Expected>((general, lengths) => {
    if (!lengths || lengths.known <= 0) return general;
    const { known } = lengths;
    return {
      mean: expectedMean([lengths], general.mean),
      p50: towards(general.p50, quantileOf(lengths, 0.5), known / (known + HALF_CERTAIN.p50)),
      p995: towards(general.p995, quantileOf(lengths, 0.995), known / (known + HALF_CERTAIN.p995)),
    };
  }, otherwise);
}

const towards = (from: number, to: number, part: number): number => from + part * (to - from);

/** Where the mean of many answers lies, output tokens. */
export interface OutputRange {
  low: number;
  likely: number;
  high: number;
}

/** With nothing known: from a label of ten tokens, where 211 are usual, to the maximum; with certainty 1, a batch may differ from those before by half. */
const UNKNOWN_LOW = 0.05;
const KNOWN_LOW = 1 / 1.5;
const KNOWN_HIGH = 1.5;

/** `expected` as far as it is known (`certainty`, 0…1: see {@link certaintyOf}), of at most `most` tokens each. */
export function outputRange(expected: number, most: number, certainty: number): OutputRange {
  const likely = Math.min(expected, most);
  return {
    low: likely * towards(UNKNOWN_LOW, KNOWN_LOW, certainty),
    likely,
    high: towards(most, Math.min(most, likely * KNOWN_HIGH), certainty),
  };
}
