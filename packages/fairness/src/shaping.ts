/**
 * Limits that shape what is sent for a tenant (`rpm`, `tpm`, `concurrency`): its jobs wait. Each rate is one moment, as
 * in GCRA: when its bucket of a second's rate will be full again. So in any window w at most
 * rate × (w + 1 s) is sent, plus the last job, which may be larger than what was left.
 */

/** Absent = unlimited. Requests and tokens per minute, calls at once. */
export interface ShapingLimits {
  rpm?: number;
  tpm?: number;
  concurrency?: number;
}

/** Unix ms; 0 = full. */
export interface ShapingState {
  requestsFullAt: number;
  tokensFullAt: number;
}

export const UNUSED: ShapingState = { requestsFullAt: 0, tokensFullAt: 0 };

export type ShapingVerdict =
  /** At most so many jobs may be sent at once now; Infinity without limits that count jobs. */
  | { kind: 'send'; jobs: number }
  /** `untilAt` Unix ms; null: until one of its calls ends. */
  | { kind: 'wait'; limit: keyof ShapingLimits; untilAt: number | null };

const BURST_MS = 1_000;
const MINUTE_MS = 60_000;

/** Whether jobs of the tenant may be sent now, and how many; else until when to hold it. */
export function mayBeSent(
  limits: ShapingLimits,
  state: ShapingState,
  { inFlight, now }: { inFlight: number; now: number },
): ShapingVerdict {
  const slots = (limits.concurrency ?? Infinity) - inFlight;
  if (slots <= 0) return { kind: 'wait', limit: 'concurrency', untilAt: null };
  const requestMs = msPer(limits.rpm);
  const requestsAt = state.requestsFullAt - (burstFor(requestMs) - requestMs);
  if (requestsAt > now) return { kind: 'wait', limit: 'rpm', untilAt: requestsAt };
  // Tokens go into debt: the size of the next job need not be known.
  const tokensAt = state.tokensFullAt - BURST_MS + msPer(limits.tpm);
  if (limits.tpm !== undefined && tokensAt > now)
    return { kind: 'wait', limit: 'tpm', untilAt: tokensAt };
  const level = burstFor(requestMs) - Math.max(0, state.requestsFullAt - now);
  const jobs = requestMs === 0 ? Infinity : Math.floor(level / requestMs + 1e-6);
  return { kind: 'send', jobs: Math.min(slots, Math.max(1, jobs)) };
}

/** The state after jobs were sent, or after a correction (`requests` 0, `tokens` of either sign). */
export function afterSending(
  limits: ShapingLimits,
  state: ShapingState,
  sent: { requests: number; tokens: number; now: number },
): ShapingState {
  const { requests, tokens, now } = sent;
  return {
    requestsFullAt: moved(state.requestsFullAt, requests * msPer(limits.rpm), now),
    tokensFullAt: moved(state.tokensFullAt, tokens * msPer(limits.tpm), now),
  };
}

/** What was given back never makes a bucket more than full. */
const moved = (fullAt: number, ms: number, now: number): number =>
  ms === 0 ? fullAt : Math.max(fullAt, now) + ms;

const msPer = (perMinute: number | undefined): number =>
  perMinute === undefined ? 0 : MINUTE_MS / perMinute;

/** A second's rate, and at least one request. */
const burstFor = (requestMs: number): number => Math.max(BURST_MS, requestMs);
