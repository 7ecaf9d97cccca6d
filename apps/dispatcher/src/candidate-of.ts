/** A deployment as placement (balancing) wants it: how it stands, and how much of its limits is booked and placed ahead. Pure. */
import { standing, trying, unitsOf, weightNow } from '@sluice/balancing';
import type { Candidate, Health, Rate, SharedSlots, Standing, Trying } from '@sluice/balancing';
import type { Deployment, Fleet } from '@sluice/job';
import { endedOf, queuedOf } from './deployment-view.ts';
import type { View } from './deployment-view.ts';
import type { DrawnBudget } from './drawn-budget.ts';
import { cautiousErrorRate } from './lately-ended.ts';
import type { Learned } from './learned.ts';
import { ownCallsAtOnce } from './limits-now.ts';

/** What a candidate is judged beside. */
export interface FleetNow {
  fleet: Fleet;
  budgets: ReadonlyMap<string, DrawnBudget>;
  health: ReadonlyMap<string, Health>;
  learned: Learned | null;
}

/** Below this many calls an average latency says nothing yet. */
const ENOUGH_CALLS = 1;

const NOTHING = { requests: 0, input: 0, output: 0, usd: 0 };

const WELL: Standing = { state: 'active', probe: 'batch' };

/** Written out in full, for it is made of every deployment of a pool: a spread costs as much as all the rest. */
export function candidateOf(
  known: FleetNow,
  view: View,
  { tier, now, at = null }: { tier: number; now: number; at?: number | null },
): Candidate {
  const { deployment, load } = view;
  const { id, weight, region, price } = deployment;
  const health = known.health.get(id);
  const stands = health ? standing(health, now) : WELL;
  // Of a trial tells what was placed and ended, not the counts of queue and calls, which a crash can leave too high for ever.
  const trial = stands.state === 'half_open' ? trialOf(view, stands, now) : null;
  return {
    id,
    at,
    tier,
    weight: weightNow(weight, health?.slow),
    region,
    price,
    queued: trial === null ? queuedOf(view) : trial.underWay,
    inFlight: trial === null ? load.inFlight : 0,
    concurrency: ownCallsAtOnce(known.fleet, id, load),
    sharedSlots: sharedSlots(known, deployment),
    rates: ratesOf(known, view, now),
    predictedMs: load.ok + load.failed >= ENOUGH_CALLS ? load.meanLatencyMs : null,
    errorRate: cautiousErrorRate(view.lately),
    speed: known.learned === null ? null : known.learned.speed(id),
    state: stands.state,
    probe: (trial ?? stands).probe,
  };
}

function trialOf({ deployment, load, last }: View, stands: Standing, now: number): Trying {
  const { timeoutMs } = deployment;
  return trying({ at: last.at, ended: endedOf(load) > last.ended, timeoutMs }, stands, now);
}

function ratesOf({ budgets }: FleetNow, view: View, now: number): Rate[] {
  const rates: Rate[] = [];
  for (const looked of view.rates) {
    const { budget, dimension, perMs } = looked;
    const aheadMs = aheadOf(looked, budgets.get(budget), now - view.readAt);
    rates.push({ budget, dimension, perMs, aheadMs });
  }
  return rates;
}

/** How far a limit is booked so long after the look, with what is placed since, ms. */
export function aheadOf(
  { dimension, perMs, aheadMs }: Rate,
  drawn: DrawnBudget | undefined,
  sinceRead: number,
): number {
  const booked = Math.max(0, aheadMs - sinceRead);
  const placed = unitsOf(drawn?.placed ?? NOTHING, dimension);
  return placed > 0 ? booked + placed / perMs : booked;
}

/** Of the budgets that it shares with others. */
function sharedSlots({ budgets: all }: FleetNow, { id, budgets }: Deployment): SharedSlots[] {
  const shared: SharedSlots[] = [];
  for (const budget of budgets) {
    const slots = budget === id ? null : all.get(budget)?.slots;
    if (slots) shared.push(slots);
  }
  return shared;
}
