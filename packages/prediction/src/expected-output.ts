/**
 * What to expect of the next answer, from all that is known about it: its batch, its tenant in this pool, the pool, and
 * before anything is known a default. Each level counts by how many answers it has seen against how many would make
 * it certain (shrinkage): a batch's first lines are expected like the tenant's others, its thousandth like its own.
 */
import { type Lengths, quantileOf } from './lengths.ts';

/** Output tokens. */
export interface Expected {
  mean: number;
  p50: number;
  p995: number;
}

/** How many answers make a level count as much as all more general ones together. A far quantile needs more to be seen. */
const HALF_CERTAIN = { mean: 10, p50: 20, p995: 400 } as const;

/** `levels`: the most general first, e.g. pool, tenant in the pool, batch; null or absent = nothing known. */
export function expectedOutput(
  levels: readonly (Lengths | null | undefined)[],
  otherwise: Expected,
): Expected {
  return levels.reduce<Expected>((general, lengths) => {
    if (!lengths || lengths.known <= 0) return general;
    const { known } = lengths;
    return {
      mean: towards(general.mean, lengths.mean, known / (known + HALF_CERTAIN.mean)),
      p50: towards(general.p50, quantileOf(lengths, 0.5), known / (known + HALF_CERTAIN.p50)),
      p995: towards(general.p995, quantileOf(lengths, 0.995), known / (known + HALF_CERTAIN.p995)),
    };
  }, otherwise);
}

const towards = (from: number, to: number, part: number): number => from + part * (to - from);
