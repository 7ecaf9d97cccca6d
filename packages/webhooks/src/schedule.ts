/** When to try a delivery again: the schedule of Standard Webhooks' specification, about three days in all. Pure. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Wait before each attempt, ms. Its length is the number of attempts. */
export const DELIVERY_DELAYS_MS: readonly number[] = [
  0,
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

/** A receiver cannot put a delivery off for longer than the schedule's own longest wait. */
const LONGEST_RETRY_AFTER_MS = 24 * HOUR;

export interface ScheduleFacts {
  /** Uniform in [0, 1). */
  random: () => number;
  /** What the receiver asked for; it can lengthen a wait, never shorten it. */
  retryAfterMs?: number | null;
  delaysMs?: readonly number[];
}

/**
 * The moment (ms) of the next attempt after `attempt` attempts made, each wait varied by ±10 % so that deliveries
 * which failed together do not return together; null when the schedule is exhausted.
 */
export function nextDeliveryAt(attempt: number, now: number, facts: ScheduleFacts): number | null {
  const delayMs = (facts.delaysMs ?? DELIVERY_DELAYS_MS)[attempt];
  if (delayMs === undefined) return null;
  const variedMs = Math.round(delayMs * (0.9 + 0.2 * facts.random()));
  const askedMs = Math.min(facts.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS);
  return now + Math.max(variedMs, askedMs);
}
