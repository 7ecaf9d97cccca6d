/**
 * What work costs, as time of its scarcest limit: so that who uses up the requests pays as much as who uses up the
 * tokens (dominant resource fairness).
 */
import type { RateDimension } from '@sluice/job';

/** What a job or chunk is expected to take, or has taken. */
export interface Work {
  requests: number;
  /** Tokens. */
  input: number;
  output: number;
  /** Time its calls hold a slot, summed, ms. */
  callMs: number;
}

/** A limit over all deployments that may run the work, added up. */
export interface Limit {
  dimension: RateDimension | 'concurrency';
  /** Requests or tokens per ms; for `concurrency` calls at once. Above 0. */
  perMs: number;
  /** Ms of drain time that one more unit would save: from the plan, where there is one. */
  priceMs?: number;
}

/** What a request costs where nothing is limited, ms: tenants share by requests. */
const UNLIMITED_MS = 1;

/**
 * Ms of work. With prices from a plan: what the work takes of each limit at its price, summed; without, or where none
 * of its limits is scarce: the longest that any of its limits needs for it alone.
 */
export function costMs(work: Work, limits: readonly Limit[]): number {
  let priced = 0;
  let longest = 0;
  for (const limit of limits) {
    const units = unitsOf(work, limit.dimension);
    priced += units * (limit.priceMs ?? 0);
    longest = Math.max(longest, units / limit.perMs);
  }
  if (priced > 0) return priced;
  return longest > 0 ? longest : work.requests * UNLIMITED_MS;
}

function unitsOf({ requests, input, output, callMs }: Work, dimension: Limit['dimension']): number {
  if (dimension === 'concurrency') return callMs;
  if (dimension === 'rpm' || dimension === 'rpd') return requests;
  if (dimension === 'tpm' || dimension === 'tpd') return input + output;
  return dimension === 'itpm' ? input : output;
}
