/**
 * `cost`: the cheapest that is expected to be done in time; what is free goes first, what has no known price last. Those
 * about equally cheap share by capacity. A batch job whose deadline allows it waits for a cheap deployment that is full
 * instead of using a dear one; an interactive job, or one whose deadline is not known, never does. It waits for half of
 * its time at most: if all waited to the last moment, all would then need the dear ones at once.
 */
import { isSamePrice } from '@sluice/job';
import { type Asked, type Candidate, usdOn } from './candidate.ts';
import { mostCapacity } from './capacity.ts';
import { leastOf } from './least.ts';
import { finishMs } from './load.ts';
import { withNumbers } from './settings.ts';
import type { Strategy } from './strategy.ts';

/** A finish is expected in time when there would be time for half as much again: predictions are not promises. */
const MARGIN = 1.5;

interface Settings {
  within_percent: number;
  max_wait_ms: number;
}

export const costKind = withNumbers({
  name: 'cost',
  summary: 'the cheapest that still meets the deadline',
  numbers: {
    within_percent: {
      least: 0,
      most: 1_000,
      otherwise: 5,
      does: 'Deployments at most this much dearer than the cheapest count as equally cheap, and share by capacity. Those of one price are equally cheap whatever it is.',
    },
    max_wait_ms: {
      least: 0,
      most: 2_592_000_000,
      otherwise: 86_400_000,
      does: 'How long a single batch job may wait for a cheaper deployment that is full, if its deadline allows it; lines of a batch wait as the plan says, as long as their deadline allows. 0 = neither waits.',
    },
  },
  make: cost,
});

function cost(settings: Settings): Strategy {
  const cheapest = (asked: Asked, candidates: readonly Candidate[]): readonly Candidate[] =>
    cheapestInTime(asked, candidates, settings);
  return {
    name: 'cost',
    withinPercent: settings.within_percent,
    pick: (asked, candidates, { random }) => {
      const among = cheapest(asked, candidates);
      if (among.length > 0) return mostCapacity(asked, among, random);
      return leastOf(candidates, random, { scoreOf: (each) => finishMs(asked, each) });
    },
    waitsFor: (asked, active, waitedMs) => {
      const left = asked.band === 'interactive' ? null : (asked.deadlineInMs ?? null);
      if (left === null || waitedMs >= Math.min(left, settings.max_wait_ms)) return active;
      const among = cheapest(asked, active);
      return among.length > 0 ? among : active;
    },
  };
}

/** Prices first: of most deployments nobody needs to know when they would be done. */
function cheapestInTime(
  asked: Asked,
  candidates: readonly Candidate[],
  { within_percent: within }: Settings,
): readonly Candidate[] {
  const prices = candidates.map((each) => usdOn(asked, each) ?? Infinity);
  let least = Infinity;
  for (let i = 0; i < prices.length; i += 1) {
    const price = prices[i] as number;
    if (price < least && isInTime(asked, candidates[i] as Candidate)) least = price;
  }
  return candidates.filter(
    (each, i) => isSamePrice(prices[i] as number, least, within) && isInTime(asked, each),
  );
}

const isInTime = (asked: Asked, candidate: Candidate): boolean => {
  const left = asked.deadlineInMs ?? Infinity;
  return left === Infinity || finishMs(asked, candidate) * MARGIN <= left;
};
