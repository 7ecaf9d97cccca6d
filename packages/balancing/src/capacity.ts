/**
 * `capacity`, the default: whoever has the most budget left for this job's shape, that is, whose limits would be spoken
 * for the least far once it had the job too. In a steady stream work is shared out in proportion to what each limit
 * allows for that shape, and a job goes where the budget it needs is not the scarce one.
 */
import { type Asked, type Candidate, type Cost, costOn, expectedMs, msOf } from './candidate.ts';
import type { Chance, Strategy } from './strategy.ts';

export const capacity: Strategy = { name: 'capacity', pick };

/** Ties go to the lower load, then by lot in proportion to the weights. */
function pick(asked: Asked, candidates: readonly Candidate[], { random }: Chance): Candidate {
  let best = candidates[0] as Candidate;
  let bestMs = spokenForMs(best, costOn(asked, best));
  let tickets = best.weight;
  for (let i = 1; i < candidates.length; i += 1) {
    const candidate = candidates[i] as Candidate;
    const ms = spokenForMs(candidate, costOn(asked, candidate));
    const order = ms - bestMs || load(candidate) - load(best);
    if (order > 0) continue;
    tickets = order < 0 ? candidate.weight : tickets + candidate.weight;
    // The k-th of the tied is taken with its part of the tickets so far: a fair lot in one pass.
    if (order < 0 || random() * tickets < candidate.weight) {
      best = candidate;
      bestMs = ms;
    }
  }
  return best;
}

/** How far its most used limit would be spoken for with the job placed there, ms. 0 without limits. */
export function spokenForMs(candidate: Candidate, cost: Cost): number {
  let worst = slotWaitMs(candidate);
  for (const rate of candidate.rates) {
    const each = msOf(cost, rate);
    if (each > 0) worst = Math.max(worst, rate.aheadMs + each);
  }
  return worst;
}

/** About how long one more job would wait for a slot, ms; 0 while one is free. */
function slotWaitMs(candidate: Candidate): number {
  let wait = 0;
  const each = expectedMs(candidate);
  if (candidate.concurrency !== null) {
    const over = candidate.queued + candidate.inFlight + 1 - candidate.concurrency;
    if (over > 0) wait = (over * each) / candidate.concurrency;
  }
  for (const { limit, taken } of candidate.sharedSlots ?? [])
    if (taken + 1 > limit) wait = Math.max(wait, ((taken + 1 - limit) * each) / limit);
  return wait;
}

/** Calls at once that a deployment without a limit is taken to stand, for comparing loads only. */
const ASSUMED_CONCURRENCY = 1_000;

const load = (candidate: Candidate): number =>
  (candidate.queued + candidate.inFlight) / (candidate.concurrency ?? ASSUMED_CONCURRENCY);
