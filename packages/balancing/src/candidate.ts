/**
 * What a placement is decided on: plain snapshots of deployments, as the dispatcher knows them at this moment,
 * and of what is to be placed. No live objects, so a decision can be repeated from its inputs.
 */
import type { Price, RateDimension } from '@sluice/job';

/** One rate limit a deployment draws on, its own or a shared budget's. */
export interface Rate {
  budget: string;
  dimension: RateDimension;
  /** Requests or tokens that come free per ms. 0 = nothing ever does. */
  perMs: number;
  /** How far the rate is spoken for, ms: booked ahead, plus work placed and not yet booked, of all deployments sharing it. At least 0. */
  aheadMs: number;
}

/** A limit on calls in flight that several deployments share. */
export interface SharedSlots {
  budget: string;
  limit: number;
  /** Jobs placed or in flight over all deployments sharing it. */
  taken: number;
}

/**
 * Who may be given work: `active` anyone; `half_open` one job at a time; all others nobody.
 * {@link standing} derives it from breaker, block and the operator's wish.
 */
export type CandidateState = 'active' | 'draining' | 'paused' | 'blocked' | 'broken' | 'half_open';

/** Snapshot of one deployment of a pool. */
export interface Candidate {
  id: string;
  /** Where its figures stand in {@link Asked.costsAt}, from 0; absent or null = nowhere. */
  at?: number | null;
  /** Place in the pool's fallback order, from 1. */
  tier: number;
  /** 0 = nothing new. */
  weight: number;
  region: string | null;
  price: Price | null;
  /** Jobs placed on its queue and not yet started. */
  queued: number;
  /** Calls running. */
  inFlight: number;
  /** Its own limit on calls at once; null = none. */
  concurrency: number | null;
  /** Limits on calls at once that it shares; absent = none. */
  sharedSlots?: readonly SharedSlots[];
  rates: readonly Rate[];
  /** Expected duration of a call, ms; null until measured. */
  predictedMs: number | null;
  /** How its calls do against what was predicted of them: actual ÷ predicted, failures as their timeout; absent or null = not known. */
  speed?: number | null;
  /** Failed calls among the recent ones, 0…1. */
  errorRate: number;
  state: CandidateState;
  /** Who may try it while half open; absent = `batch`. */
  probe?: 'batch' | 'any';
}

/** What one job is expected to take out of the budgets. */
export interface Cost {
  requests: number;
  /** Input tokens. */
  input: number;
  /** Output tokens. */
  output: number;
  /** US dollars, of the output that is likely; absent = reckoned from the tokens above and the deployment's price. */
  usd?: number;
}

/** What is to be placed: one job, or several alike. */
export interface Asked {
  /** Of one job. */
  cost: Cost;
  /** Of one job on deployments that count it differently (charging the maximum, another tokenizer); absent = as `cost`. */
  costs?: ReadonlyMap<string, Cost>;
  /** The same by the place of a candidate that has one ({@link Candidate.at}): it is read several times for each of them. */
  costsAt?: readonly Cost[];
  /** By the same places, how far it would be spoken for with one job of this cost, ms, where that is kept; absent = it is reckoned. */
  spokenForAt?: ArrayLike<number>;
  /** Price of one job by deployment, US dollars, where these are compared, of the same tokens for all; absent = as `costs` says. */
  usdFor?: ReadonlyMap<string, number | null>;
  /** Predicted duration of one job by deployment, ms, for its tokens and the deployment's load; one that is missing: its mean. */
  predictedMsFor?: ReadonlyMap<string, number>;
  /** Who or what it belongs to (affinity key, user, conversation), of all jobs placed at once; absent or null = nothing. */
  affinityKey?: string | null;
  /** The beginning of its prompt, as a digest: jobs that share one may share a provider's prompt cache. */
  prefixKey?: string | null;
  /** The one of these that counts as {@link keyHashOf} has it, where no more of it was kept: of lines of batches. */
  keyHash?: number | null;
  /**
   * Time left for it, ms; absent or null = not known. Where work is waiting that must be done by then too, the caller
   * takes off what that work needs: this is what the job can afford to lose.
   */
  deadlineInMs?: number | null;
  /** A lot, 0 to below 1, that stays its own however often it is asked about; absent = drawn each time. */
  lot?: number;
  /** How many jobs alike wait, at least 1; as many of them as may travel together are placed at once. */
  jobs: number;
  /** `overdue`: batch work that has waited beyond its patience. It goes where there is room for twice as much. */
  band: 'interactive' | 'overdue' | 'batch';
  /** Deployments where it has failed already: used again only when its tier has nobody else. */
  exclude: readonly string[];
  /** Deployments whose wire format can say what it asks; null = all. */
  eligible: ReadonlySet<string> | null;
  /** First tier to look at: above 1 once the job has failed in the tiers below with a class that leaves them. */
  minTier: number;
  /** Last tier it may use; null = all. */
  maxTier: number | null;
  /** Since when it has been waiting to be placed, ms on the clock of `now`. */
  waitingSince: number;
}

/** Duration assumed of a call before any was measured, ms (as tower's Peak-EWMA does). */
const UNMEASURED_MS = 1_000;

/** Nobody counts as worse than failing 99 of 100. */
const LEAST_SUCCESS = 0.01;

export const expectedMs = (candidate: Candidate): number => candidate.predictedMs ?? UNMEASURED_MS;

/** The cost of one job on this deployment. */
export const costOn = (asked: Asked, { id, at }: Candidate): Cost =>
  (at === undefined || at === null ? asked.costs?.get(id) : asked.costsAt?.[at]) ?? asked.cost;

/** How long one job is expected to take there once it has begun, ms; failures make it longer, however fast they are. */
export function callMs(asked: Asked, candidate: Candidate): number {
  const predicted = asked.predictedMsFor?.get(candidate.id) ?? expectedMs(candidate);
  const { speed } = candidate;
  if (speed !== undefined && speed !== null) return predicted * speed;
  return predicted / Math.max(LEAST_SUCCESS, 1 - candidate.errorRate);
}

/** The expected price of one job there, US dollars; null where the deployment's price is not known. */
export function usdOn(asked: Asked, candidate: Candidate): number | null {
  const { price } = candidate;
  if (price === null) return null;
  const compared = asked.usdFor?.get(candidate.id);
  if (compared !== undefined) return compared;
  const { usd, input, output } = costOn(asked, candidate);
  return usd ?? (input * price.input + output * price.output) / 1e6;
}

/** What a job takes out of a limit, in the limit's unit. */
export function unitsOf(cost: Cost, dimension: RateDimension): number {
  if (dimension === 'rpm' || dimension === 'rpd') return cost.requests;
  if (dimension === 'tpm' || dimension === 'tpd') return cost.input + cost.output;
  return dimension === 'itpm' ? cost.input : cost.output;
}

/** How long a rate needs for one job, ms: 0 where the job takes nothing of it, Infinity where nothing ever comes free. */
export function msOf(cost: Cost, rate: Rate): number {
  const units = unitsOf(cost, rate.dimension);
  return units > 0 ? units / rate.perMs : 0;
}
