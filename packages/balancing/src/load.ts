/** How busy a deployment is: by its limits, in ms (how far they are spoken for), and by the calls it has, as a part of its slots. */
import {
  type Asked,
  type Candidate,
  type Cost,
  type Rate,
  callMs,
  costOn,
  expectedMs,
  unitsOf,
} from './candidate.ts';

/** Calls at once that a deployment without a limit is taken to stand, for comparing loads only. */
const ASSUMED_CONCURRENCY = 1_000;

/**
 * How far its most used limit would be spoken for with the job placed there, ms. 0 without limits. Where that is further than
 * `mostMs`, something beyond `mostMs`: then the rest is not reckoned.
 */
export function spokenForMs(candidate: Candidate, cost: Cost, mostMs = Infinity): number {
  let worst = slotWaitMs(candidate);
  for (const rate of candidate.rates) {
    const units = unitsOf(cost, rate.dimension);
    if (units <= 0) continue;
    if (rate.aheadMs > mostMs) return rate.aheadMs;
    const spokenFor = rate.aheadMs + units / rate.perMs;
    if (spokenFor > worst) worst = spokenFor;
  }
  return worst;
}

/** What one job takes of each of its limits, ms, in their order; nothing of one = -Infinity, for that one is not looked at then. */
export const eachMs = ({ rates }: Pick<Candidate, 'rates'>, cost: Cost): number[] =>
  rates.map(({ dimension, perMs }) => {
    const units = unitsOf(cost, dimension);
    return units > 0 ? units / perMs : -Infinity;
  });

/** {@link spokenForMs} with a job of which {@link eachMs} is known: it is asked again and again. */
export function spokenForWith(candidate: Candidate, each: readonly number[]): number {
  const { rates } = candidate;
  let worst = slotWaitMs(candidate);
  for (let i = 0; i < each.length; i += 1) {
    const spokenFor = (rates[i] as Rate).aheadMs + (each[i] as number);
    if (spokenFor > worst) worst = spokenFor;
  }
  return worst;
}

/** The same of one job of those asked for. */
export const spokenForOn = (asked: Asked, candidate: Candidate, mostMs = Infinity): number =>
  asked.spokenForAt?.[candidate.at ?? -1] ??
  spokenForMs(candidate, costOn(asked, candidate), mostMs);

/** When one job placed there now would be done, ms from now. */
export const finishMs = (asked: Asked, candidate: Candidate): number =>
  spokenForOn(asked, candidate) + callMs(asked, candidate);

/** Jobs placed there or running, as a part of what it takes at once. */
export const load = (candidate: Candidate): number =>
  (candidate.queued + candidate.inFlight) / (candidate.concurrency ?? ASSUMED_CONCURRENCY);

/** About how long one more job would wait for a slot, ms; 0 while one is free. */
function slotWaitMs(candidate: Candidate): number {
  let wait = 0;
  const each = expectedMs(candidate);
  if (candidate.concurrency !== null) {
    const over = candidate.queued + candidate.inFlight + 1 - candidate.concurrency;
    if (over > 0) wait = (over * each) / candidate.concurrency;
  }
  if (candidate.sharedSlots === undefined) return wait;
  for (const { limit, taken } of candidate.sharedSlots)
    if (taken + 1 > limit) wait = Math.max(wait, ((taken + 1 - limit) * each) / limit);
  return wait;
}
