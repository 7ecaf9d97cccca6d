/**
 * Smooth weighted round robin (nginx, 2012): every round each candidate earns credit by its share, the one with most
 * is taken and pays the whole round. Shares are met exactly and takings are spread out (a a b a c a a, not a a a a a b c).
 * Rounds are counted in jobs, so that chunks of different size do not bend the shares. Candidates that are absent
 * (full, sick) neither earn nor pay: what they missed is not made up in a burst.
 */
import type { Candidate } from './candidate.ts';
import { type Memory, type Placed, type Strategy, recall } from './strategy.ts';

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
  for (const candidate of candidates) {
    const credit = recall(memory, candidate.id) + weightOf(candidate) * share;
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
  const figures = memory.figures.slice();
  let { places } = memory;
  const share = placed.jobs / sum(candidates, weightOf);
  for (const candidate of candidates) {
    let at = places.get(candidate.id);
    if (at === undefined) {
      at = figures.push(0) - 1;
      places = new Map([...places, [candidate.id, at]]);
    }
    const paid = candidate === placed.picked ? placed.jobs : 0;
    figures[at] = (figures[at] as number) + weightOf(candidate) * share - paid;
  }
  return { places, figures };
}

function sum(candidates: readonly Candidate[], weightOf: WeightOf): number {
  let total = 0;
  for (const candidate of candidates) total += weightOf(candidate);
  return total;
}
