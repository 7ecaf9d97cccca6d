/**
 * Limits that refuse a tenant's requests with 429 (`requests_per_minute`, `max_queued`, `usd_per_day`): which one, what
 * was found, and honestly when to come again.
 */

/** Absent = unlimited. */
export interface RefusingLimits {
  requests_per_minute?: number;
  max_queued?: number;
  usd_per_day?: number;
}

export interface TenantFacts {
  /** Unix ms. */
  now: number;
  /** When its allowance of requests will be full again, Unix ms; 0 = full. See {@link afterRequest}. */
  requestsFullAt: number;
  /** Its jobs that wait now, and how many this request adds. */
  queued: number;
  adds: number;
  /** Jobs of its that come out of the queue per ms; null when not known. */
  drainPerMs: number | null;
  /** US dollars in the last 24 hours, and when enough of them will be older than that (Unix ms). */
  spentUsd: number;
  spentLessAt: number | null;
}

export type Acceptance =
  | { kind: 'accept' }
  | {
      kind: 'refuse';
      limit: keyof RefusingLimits;
      /** What the limit allows and what would have been. */
      allowed: number;
      found: number;
      /** For `Retry-After`, whole seconds, 1 to 60. */
      retryAfterSeconds: number;
      /** When it will be accepted by what is known now, whole seconds; Infinity = nobody knows. */
      acceptedInSeconds: number;
      /** False: in a minute it will be refused again. */
      retryHelps: boolean;
    };

const MINUTE_MS = 60_000;
const LONGEST_WAIT_S = 60;

/** The first limit that stands in the way. Nothing is counted: see {@link afterRequest}. */
export function mayBeAccepted(limits: RefusingLimits, facts: TenantFacts): Acceptance {
  return (
    tooManyRequests(limits, facts) ??
    tooMuchQueued(limits, facts) ??
    tooDear(limits, facts) ?? { kind: 'accept' }
  );
}

/**
 * The allowance after a request that was accepted: a bucket of a minute's requests. Who never sends more than the limit
 * in any minute is never refused; who does has at most twice the limit in one minute, and the limit from there on.
 */
export const afterRequest = (
  limits: RefusingLimits,
  requestsFullAt: number,
  now: number,
): number =>
  limits.requests_per_minute === undefined
    ? requestsFullAt
    : Math.max(requestsFullAt, now) + MINUTE_MS / limits.requests_per_minute;

function tooManyRequests(limits: RefusingLimits, facts: TenantFacts): Acceptance | null {
  const { requests_per_minute: allowed } = limits;
  if (allowed === undefined) return null;
  const requestMs = MINUTE_MS / allowed;
  const { requestsFullAt, now } = facts;
  const usedMs = Math.max(0, requestsFullAt - now);
  const waitMs = usedMs + requestMs - Math.max(MINUTE_MS, requestMs);
  // A thousandth of a request: sums of sevenths are never quite equal.
  if (waitMs <= requestMs / 1_000) return null;
  const found = Math.ceil(usedMs / requestMs - 1e-6) + 1;
  return refusal({ limit: 'requests_per_minute', allowed, found, waitMs });
}

function tooMuchQueued(limits: RefusingLimits, facts: TenantFacts): Acceptance | null {
  const { max_queued: allowed } = limits;
  const { queued, adds, drainPerMs } = facts;
  const found = queued + adds;
  if (allowed === undefined || found <= allowed) return null;
  const never = adds > allowed || drainPerMs === null || drainPerMs <= 0;
  const waitMs = never ? Infinity : (found - allowed) / drainPerMs;
  return refusal({ limit: 'max_queued', allowed, found, waitMs });
}

function tooDear(limits: RefusingLimits, facts: TenantFacts): Acceptance | null {
  const { usd_per_day: allowed } = limits;
  const { spentUsd: found, spentLessAt, now } = facts;
  if (allowed === undefined || found < allowed) return null;
  return refusal({ limit: 'usd_per_day', allowed, found, waitMs: (spentLessAt ?? Infinity) - now });
}

function refusal(facts: {
  limit: keyof RefusingLimits;
  allowed: number;
  found: number;
  waitMs: number;
}): Acceptance {
  const { waitMs, ...rest } = facts;
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000));
  return {
    kind: 'refuse',
    ...rest,
    retryAfterSeconds: Math.min(LONGEST_WAIT_S, seconds),
    acceptedInSeconds: seconds,
    retryHelps: seconds <= LONGEST_WAIT_S,
  };
}
