/**
 * `adaptive`: the lowest predicted finish among those that are not hot; when all are hot, whoever is least spoken for.
 * Prequal's hot-cold lexicographic rule (Wydrowski et al., NSDI 2024), with hot measured in budgets and slots, for
 * a hosted provider shows no queue: no weights between load and latency to tune, and the fastest is never run into
 * its limits.
 */
import { type Asked, type Candidate, callMs } from './candidate.ts';
import { mostCapacity } from './capacity.ts';
import { leastOf } from './least.ts';
import { spokenForOn } from './load.ts';
import { withNumbers } from './settings.ts';
import type { Strategy } from './strategy.ts';

interface Hot {
  hot_ms: number;
  hot_slots: number;
}

export const adaptiveKind = withNumbers({
  name: 'adaptive',
  summary: 'the lowest predicted finish among those whose limits are not nearly used',
  numbers: {
    hot_ms: {
      least: 0,
      most: 60_000,
      otherwise: 250,
      does: 'A deployment is hot once a limit of it would be spoken for further than this, ms.',
    },
    hot_slots: {
      least: 0,
      most: 1,
      otherwise: 0.84,
      does: 'A deployment is hot once more than this part of its concurrency would be used.',
    },
  },
  make: adaptive,
});

function adaptive(hot: Hot): Strategy {
  return {
    name: 'adaptive',
    pick: (asked, candidates, { random }) => {
      const scoreOf = (each: Candidate): number => finishIfCold(asked, each, hot);
      const best = leastOf(candidates, random, { scoreOf });
      return scoreOf(best) < Infinity ? best : mostCapacity(asked, candidates, random);
    },
  };
}

/** When the job would be done there, ms; Infinity for who is hot. */
function finishIfCold(asked: Asked, candidate: Candidate, hot: Hot): number {
  if (slotsUsed(candidate) > hot.hot_slots) return Infinity;
  const ahead = spokenForOn(asked, candidate);
  return ahead > hot.hot_ms ? Infinity : ahead + callMs(asked, candidate);
}

/** The part of its slots, own or shared, that would be used with the job; the first slot is never too many. */
function slotsUsed({ queued, inFlight, concurrency, sharedSlots }: Candidate): number {
  const jobs = queued + inFlight;
  let used = concurrency !== null && jobs > 0 ? (jobs + 1) / concurrency : 0;
  if (sharedSlots === undefined) return used;
  for (const { taken, limit } of sharedSlots)
    if (taken > 0) used = Math.max(used, (taken + 1) / limit);
  return used;
}
