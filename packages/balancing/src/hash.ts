/**
 * `hash`: jobs of one key go to one deployment, so that the provider's prompt cache is warm: rendezvous hashing over the
 * deployments, with bounded load (Mirrokni, Thorup and Zadimoghaddam 2017). The bound is on what a deployment's limits
 * are spoken for, not on its jobs: above (1 + epsilon) × the mean of all, a key goes on to the next deployment of its own
 * order. The key is the job's affinity key, user or conversation, else the beginning of its prompt; without any,
 * capacity decides.
 */
import { keyHashOf } from './affinity.ts';
import { type Asked, type Candidate, expectedMs } from './candidate.ts';
import { mostCapacity } from './capacity.ts';
import { load, spokenForOn } from './load.ts';
import { oncePerId } from './once-per-id.ts';
import { drawOf, hashText } from './rendezvous.ts';
import { withNumbers } from './settings.ts';
import type { Strategy } from './strategy.ts';

/** Below this nobody is overloaded, whatever the others have: alone, a busy key stays at home. */
const ALWAYS_FINE_MS = 250;

export const hashKind = withNumbers({
  name: 'hash',
  summary: 'the same for every job of a key, as long as it is not far busier than the others',
  numbers: {
    epsilon: {
      least: 0,
      most: 100,
      otherwise: 0.25,
      does: 'How much busier than the mean a deployment may be before its keys go on to the next: 0.25 = a quarter.',
    },
  },
  make: ({ epsilon }) => hash(epsilon),
});

function hash(epsilon: number): Strategy {
  const hashOf = oncePerId(hashText);
  return {
    name: 'hash',
    byKey: true,
    pick: (asked, candidates, { random }) => {
      const key = keyHashOf(asked) ?? asked.keyHash ?? null;
      if (key === null) return mostCapacity(asked, candidates, random);
      return bounded(asked, candidates, { key, epsilon, hashOf });
    },
  };
}

function bounded(
  asked: Asked,
  candidates: readonly Candidate[],
  { key, epsilon, hashOf }: { key: number; epsilon: number; hashOf: (id: string) => number },
): Candidate {
  let all = 0;
  const busy = candidates.map((each) => {
    const ms = busyMs(asked, each);
    all += ms;
    return ms;
  });
  const bound = ALWAYS_FINE_MS + ((1 + epsilon) * all) / candidates.length;
  let best = candidates[0] as Candidate;
  let highest = -Infinity;
  for (let i = 0; i < candidates.length; i += 1) {
    if ((busy[i] as number) > bound) continue;
    const candidate = candidates[i] as Candidate;
    const draw = drawOf(key, hashOf(candidate.id), candidate.weight);
    if (draw <= highest) continue;
    best = candidate;
    highest = draw;
  }
  return best;
}

/** How far its limits are spoken for with the job, ms; without limits, its calls at the pace of a thousand at once. */
const busyMs = (asked: Asked, candidate: Candidate): number =>
  candidate.rates.length === 0 && candidate.concurrency === null
    ? load(candidate) * expectedMs(candidate)
    : spokenForOn(asked, candidate);
