/**
 * `latency`: Peak-EWMA (Finagle, Linkerd, tower): expected duration × (calls there + 1), least first. The duration is
 * what was predicted for the job's tokens × how the deployment does against its predictions, so that long answers do not
 * make it look slow, and its failures count as their timeout, so that errors never make it look fast.
 */
import { type Asked, type Candidate, callMs } from './candidate.ts';
import { leastOf } from './least.ts';
import { withoutSettings } from './settings.ts';
import type { Strategy } from './strategy.ts';

const latency: Strategy = {
  name: 'latency',
  pick: (asked, candidates, { random }) =>
    leastOf(candidates, random, { scoreOf: (candidate) => peakCost(asked, candidate) }),
};

export const latencyKind = withoutSettings(
  latency,
  'whoever is quickest for this job’s tokens, times its calls in flight',
);

const peakCost = (asked: Asked, candidate: Candidate): number =>
  callMs(asked, candidate) * (candidate.queued + candidate.inFlight + 1);
