/**
 * `error_weighted`: in proportion to weight × (successful part of recent calls) to a power, evenly spread over time. Who
 * fails gets less at once, long before a breaker opens, and keeps at least a hundredth, so that its recovery is seen.
 */
import type { Candidate } from './candidate.ts';
import { withNumbers } from './settings.ts';
import { inShares } from './smooth.ts';

const LEAST_PART = 0.01;

export const errorWeightedKind = withNumbers({
  name: 'error_weighted',
  summary: 'in proportion to `weight` and to the part of its recent calls that succeeded',
  numbers: {
    power: {
      least: 0,
      most: 10,
      otherwise: 2,
      does: 'How sharply failures count: with 2, one call in ten failing leaves 81 % of the weight, every second one 25 %.',
    },
  },
  make: ({ power }) => {
    const weightOf = ({ weight, errorRate }: Candidate): number =>
      errorRate === 0 ? weight : weight * Math.max(LEAST_PART, (1 - errorRate) ** power);
    return { name: 'error_weighted', ...inShares(weightOf) };
  },
});
