/**
 * `capacity`, the default: whoever has the most budget left for this job's shape, that is, whose limits would be spoken
 * for the least far once it had the job too. In a steady stream work is shared out in proportion to what each limit
 * allows for that shape, and a job goes where the budget it needs is not the scarce one.
 *
 * A deployment that takes far longer than another gets its share only when the quicker ones have little left: as long as
 * nothing is scarce, its limits are not what counts. Now and then it gets one all the same: else nobody would notice that it
 * has become quick again.
 */
import type { Asked, Candidate } from './candidate.ts';
import { leastOf } from './least.ts';
import { load, spokenForOn } from './load.ts';
import { withoutSettings } from './settings.ts';
import type { Strategy } from './strategy.ts';

/** Whoever would be spoken for no further than this has plenty left, ms: half of what is placed at once. */
const PLENTY_MS = 500;
/** Calls that take so many times as long as the quickest are far longer. */
const FAR = 2;
/** Part of the jobs that go by budget alone: too few to be seen in a 95th percentile. */
const EXPLORED = 0.02;

/** Ties go to the lower load, then by lot in proportion to the weights. */
export function mostCapacity(
  asked: Asked,
  candidates: readonly Candidate[],
  random: () => number,
): Candidate {
  const scoreOf = (candidate: Candidate, most: number): number =>
    spokenForOn(asked, candidate, most);
  return leastOf(candidates, random, { scoreOf, tieOf: load });
}

/** The same among those that have plenty left and are not far slower than the quickest of them; all where nobody has. */
function mostOfTheQuick(
  asked: Asked,
  candidates: readonly Candidate[],
  random: () => number,
): Candidate {
  const quickestMs = quickestWithPlenty(asked, candidates);
  if (quickestMs === Infinity || random() < EXPLORED)
    return mostCapacity(asked, candidates, random);
  const scoreOf = (candidate: Candidate, most: number): number =>
    (candidate.predictedMs ?? 0) > FAR * quickestMs
      ? Infinity
      : spokenForOn(asked, candidate, most);
  return leastOf(candidates, random, { scoreOf, tieOf: load });
}

/** Mean duration of its calls, ms; Infinity = nobody has plenty left whose calls have been measured. */
function quickestWithPlenty(asked: Asked, candidates: readonly Candidate[]): number {
  let quickestMs = Infinity;
  for (const candidate of candidates) {
    const ms = candidate.predictedMs ?? Infinity;
    if (ms < quickestMs && spokenForOn(asked, candidate, PLENTY_MS) <= PLENTY_MS) quickestMs = ms;
  }
  return quickestMs;
}

export const capacity: Strategy = {
  name: 'capacity',
  pick: (asked, candidates, { random }) => mostOfTheQuick(asked, candidates, random),
};

export const capacityKind = withoutSettings(
  capacity,
  'whoever has the most budget left for this job',
);
