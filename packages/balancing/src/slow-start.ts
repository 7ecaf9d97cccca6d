/**
 * Slow start: a deployment that has just recovered takes its work up gradually, from a tenth of its rate to all of it in a
 * minute, or until enough calls have succeeded: whatever made it fail may still be near, and a vendor that is coming back
 * is best not met by everybody at once (Envoy's slow start; Anthropic's acceleration limits).
 */
import type { Breaker } from './breaker.ts';

export const SLOW_START = { leastShare: 0.1, forMs: 60_000, successes: 50 } as const;

/** The closed breaker's count of successes since it recovered, after some more; absent = it takes everything. */
export const easingAfter = (
  { easing, since }: { easing?: number; since: number },
  ok: number,
  now: number,
): { easing?: number } => {
  if (easing === undefined || now - since >= SLOW_START.forMs) return {};
  return easing + ok >= SLOW_START.successes ? {} : { easing: easing + ok };
};

/** The part of its rate that a deployment may be given now, above 0 and up to 1. */
export function shareOfRate(breaker: Breaker, now: number): number {
  if (breaker.kind !== 'closed' || breaker.easing === undefined) return 1;
  const share = (now - breaker.since) / SLOW_START.forMs;
  return Math.min(1, Math.max(SLOW_START.leastShare, share));
}
