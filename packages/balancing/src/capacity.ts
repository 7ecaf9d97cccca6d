/**
 * `capacity`, the default: whoever has the most budget left for this job's shape, that is, whose limits would be spoken
 * for the least far once it had the job too. In a steady stream work is shared out in proportion to what each limit
 * allows for that shape, and a job goes where the budget it needs is not the scarce one.
 */
import { type Asked, type Candidate, costOn } from './candidate.ts';
import { leastOf } from './least.ts';
import { load, spokenForMs } from './load.ts';
import { withoutSettings } from './settings.ts';
import type { Strategy } from './strategy.ts';

/** Ties go to the lower load, then by lot in proportion to the weights. */
export function mostCapacity(
  asked: Asked,
  candidates: readonly Candidate[],
  random: () => number,
): Candidate {
  const scoreOf = (candidate: Candidate): number =>
    spokenForMs(candidate, costOn(asked, candidate));
  return leastOf(candidates, random, { scoreOf, tieOf: load });
}

export const capacity: Strategy = {
  name: 'capacity',
  pick: (asked, candidates, { random }) => mostCapacity(asked, candidates, random),
};

export const capacityKind = withoutSettings(
  capacity,
  'whoever has the most budget left for this job',
);
