/** A deployment as placement (balancing) wants it: how it stands, and how much of its limits is booked and placed ahead. Pure. */
import type { DeploymentLoad } from '@sluice/admission';
import { standing, trying, weightNow } from '@sluice/balancing';
import type { Candidate, Health, Rate, SharedSlots, Standing, Trying } from '@sluice/balancing';
import type { Deployment, Fleet } from '@sluice/job';
import { endedOf, queuedOf } from './deployment-view.ts';
import type { View, Views } from './deployment-view.ts';
import { cautiousErrorRate } from './lately-ended.ts';
import type { Learned } from './learned.ts';
import { callsAtOnce, ownCallsAtOnce } from './limits-now.ts';
import { placedMs } from './placed-ahead.ts';

/** What a candidate is judged beside. */
export interface FleetNow {
  fleet: Fleet;
  views: Views;
  health: ReadonlyMap<string, Health>;
  learned: Learned | null;
}

/** Below this many calls an average latency says nothing yet. */
const ENOUGH_CALLS = 1;

export function candidateOf(
  known: FleetNow,
  view: View,
  { tier, now }: { tier: number; now: number },
): Candidate {
  const { deployment, load } = view;
  const { id, weight, region, price } = deployment;
  const health = known.health.get(id);
  const stands: Standing = health ? standing(health, now) : { state: 'active', probe: 'batch' };
  // Of a trial tells what was placed and ended, not the counts of queue and calls, which a crash can leave too high for ever.
  const trial = stands.state === 'half_open' ? trialOf(view, stands, now) : null;
  return {
    id,
    tier,
    weight: weightNow(weight, health?.slow),
    region,
    price,
    queued: trial?.underWay ?? queuedOf(view),
    inFlight: trial === null ? load.inFlight : 0,
    concurrency: ownCallsAtOnce(known.fleet, id, load),
    sharedSlots: sharedSlots(known, deployment),
    rates: load.dims.map((dim) => rateOf(dim, known.views, { view, now })),
    predictedMs: load.ok + load.failed >= ENOUGH_CALLS ? load.meanLatencyMs : null,
    errorRate: cautiousErrorRate(view.lately),
    speed: known.learned?.speed(id) ?? null,
    ...stands,
    ...(trial && { probe: trial.probe }),
  };
}

function trialOf({ deployment, load, last }: View, stands: Standing, now: number): Trying {
  const { timeoutMs } = deployment;
  return trying({ at: last.at, ended: endedOf(load) > last.ended, timeoutMs }, stands, now);
}

function rateOf(
  { budget, dimension, ratePerMs: perMs, aheadMs }: DeploymentLoad['dims'][number],
  views: Views,
  { view, now }: { view: View; now: number },
): Rate {
  const sinceRead = now - view.readAt;
  const rate = { budget, dimension, perMs, aheadMs: 0 };
  const booked = Math.max(0, Math.max(aheadMs, view.load.refusedForMs) - sinceRead);
  return { ...rate, aheadMs: booked + placedMs(views, rate) };
}

/** Of the budgets that it shares with others. */
const sharedSlots = (known: FleetNow, { id, budgets }: Deployment): SharedSlots[] =>
  budgets.flatMap((budget) => {
    const limit = callsAtOnce(known, budget);
    return limit === null || budget === id
      ? []
      : [{ budget, limit, taken: slotsTaken(known.views, budget) }];
  });

/** In use or placed. Permits in use are leases, which lapse; counting calls would keep those of a crashed worker for ever. */
function slotsTaken(views: Views, budget: string): number {
  let used = 0;
  let queued = 0;
  for (const view of views.values()) {
    const { deployment, load } = view;
    if (!deployment.budgets.includes(budget)) continue;
    queued += queuedOf(view);
    if (load.concurrency?.budget === budget) used = load.concurrency.used;
    used = Math.max(used, load.slots.find((slots) => slots.budget === budget)?.used ?? 0);
  }
  return used + queued;
}
