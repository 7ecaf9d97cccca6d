/**
 * Smooth weighted round robin (nginx, 2012): every round each candidate earns credit by its share, the one with most
 * is taken and pays the whole round. Shares are met exactly and takings are spread out (a a b a c a a, not a a a a a b c).
 * Rounds are counted in jobs, so that chunks of different size do not bend the shares. Candidates that are absent
 * (full, sick) neither earn nor pay: what they missed is not made up in a burst.
 */
import type { Candidate } from './candidate.ts';
import { type Memory, type Placed, type Strategy } from './strategy.ts';

type WeightOf = (candidate: Candidate) => number;

/** The two halves of a strategy that shares jobs out in proportion to `weightOf`, which is above 0. */
export const inShares = (weightOf: WeightOf): Pick<Strategy, 'pick' | 'remember'> => ({
  pick: (_asked, candidates, { memory }) => mostCredit(candidates, memory, weightOf),
  remember: (memory, candidates, placed) => settle(memory, { candidates, weightOf }, placed),
});

/** The candidate with most credit after this round; the first in order on a tie. */
function mostCredit(
  candidates: readonly Candidate[],
  memory: Memory,
  weightOf: WeightOf,
): Candidate {
  const share = 1 / sum(candidates, weightOf);
  let best = candidates[0] as Candidate;
  let most = -Infinity;
  for (let i = 0; i < candidates.length; i += 1) {
    const candidate = candidates[i] as Candidate;
    const earned = memory.figures[placeOf(memory, candidate.id, i) ?? -1] ?? 0;
    const credit = earned + weightOf(candidate) * share;
    // Sums of thirds and sevenths are never quite equal: less than a billionth of a job is a tie.
    if (credit > most + 1e-9) {
      best = candidate;
      most = credit;
    }
  }
  return best;
}

/** Credits after `placed.jobs` jobs went to `placed.picked`. */
function settle(
  memory: Memory,
  round: { candidates: readonly Candidate[]; weightOf: WeightOf },
  placed: Placed,
): Memory {
  const { candidates, weightOf } = round;
  const known = withPlaces(memory, candidates);
  const figures = known.figures.slice();
  const share = placed.jobs / sum(candidates, weightOf);
  for (let i = 0; i < candidates.length; i += 1) {
    const candidate = candidates[i] as Candidate;
    const at = placeOf(known, candidate.id, i) as number;
    const paid = candidate === placed.picked ? placed.jobs : 0;
    figures[at] = (figures[at] as number) + weightOf(candidate) * share - paid;
  }
  return { ...known, figures };
}

/** Where an id's figure stands; `guess` saves the look-up when all are there in their order, as they mostly are. */
const placeOf = ({ places, ids }: Memory, id: string, guess: number): number | undefined =>
  ids[guess] === id ? guess : places.get(id);

/** The memory with a place, at 0, for those it never heard of. */
function withPlaces(memory: Memory, candidates: readonly Candidate[]): Memory {
  const unheard = candidates.filter(({ id }, i) => placeOf(memory, id, i) === undefined);
  if (unheard.length === 0) return memory;
  const ids = [...memory.ids, ...unheard.map(({ id }) => id)];
  return {
    ids,
    places: new Map(ids.map((id, place) => [id, place])),
    figures: [...memory.figures, ...unheard.map(() => 0)],
  };
}

function sum(candidates: readonly Candidate[], weightOf: WeightOf): number {
  let total = 0;
  for (const candidate of candidates) total += weightOf(candidate);
  return total;
}
