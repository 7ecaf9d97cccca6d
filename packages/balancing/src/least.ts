/** The candidate with the lowest score; ties go by lot, in proportion to the weights. One pass, one random number per tie. */
import type { Candidate } from './candidate.ts';

/** `most`: beyond it, any figure beyond it will do. */
type Score = (candidate: Candidate, most: number) => number;

const none = (): number => 0;

/** `tieOf` orders those of equal score before the lot does; a score of Infinity never wins. `candidates` is not empty. */
export function leastOf(
  candidates: readonly Candidate[],
  random: () => number,
  { scoreOf, tieOf = none }: { scoreOf: Score; tieOf?: Score },
): Candidate {
  let best = candidates[0] as Candidate;
  let least = scoreOf(best, Infinity);
  let tickets = best.weight;
  for (let i = 1; i < candidates.length; i += 1) {
    const candidate = candidates[i] as Candidate;
    const score = scoreOf(candidate, least);
    if (score > least || score === Infinity) continue;
    const order = score - least || tieOf(candidate, Infinity) - tieOf(best, Infinity);
    if (order > 0) continue;
    tickets = order < 0 ? candidate.weight : tickets + candidate.weight;
    // The k-th of the tied is taken with its part of the tickets so far: a fair lot in one pass.
    if (order < 0 || random() * tickets < candidate.weight) {
      best = candidate;
      least = score;
    }
  }
  return best;
}
