/**
 * How much a budget was charged lately: the current span and the one before it, of which the part still counts that
 * a span ending now would cover. Refused calls are taken out again, so that it measures what the provider let pass.
 */
import type { Amount } from './cost.ts';
import { LEARNING } from './learnt.ts';

/** What the other amounts follow from. */
export type Counts = Record<'requests' | 'input' | 'output', number>;

export interface Sent {
  /** Number of the current span: floor(ms ÷ span). */
  index: number;
  /** Since when there is anything to count, ms. */
  since: number;
  current: Counts;
  before: Counts;
}

const NONE: Counts = { requests: 0, input: 0, output: 0 };

/** The counts as they stand now. */
export function rolled(sent: Sent | null, now: number): Sent {
  const index = Math.floor(now / LEARNING.spanMs);
  if (sent === null || index > sent.index + 1)
    return { index, since: now, current: NONE, before: NONE };
  if (index === sent.index + 1) return { ...sent, index, current: NONE, before: sent.current };
  return sent;
}

export const withSent = (sent: Sent, cost: Counts): Sent => ({
  ...sent,
  current: {
    requests: sent.current.requests + cost.requests,
    input: sent.current.input + cost.input,
    output: sent.current.output + cost.output,
  },
});

/** Takes a refused call out again. */
export const withoutSent = (sent: Sent, cost: Counts): Sent => ({
  ...sent,
  current: {
    requests: Math.max(0, sent.current.requests - cost.requests),
    input: Math.max(0, sent.current.input - cost.input),
    output: Math.max(0, sent.current.output - cost.output),
  },
});

export type Counted = Exclude<Amount, 'usd'>;

/** Requests, or tokens of a kind, of about the last ten seconds. `sent` stands at `now`. */
export function sentLately(sent: Sent, amount: Counted, now: number): number {
  const left = isYoung(sent, now) ? 1 : 1 - (now / LEARNING.spanMs - sent.index);
  return amountIn(sent.current, amount) + amountIn(sent.before, amount) * left;
}

/** The same per minute. */
export function perMinute(sent: Sent, amount: Counted, now: number): number {
  const { spanMs, leastSpanMs } = LEARNING;
  const span = isYoung(sent, now) ? Math.max(leastSpanMs, now - sent.since) : spanMs;
  return (sentLately(sent, amount, now) * 60_000) / span;
}

const isYoung = ({ since }: Sent, now: number): boolean => now - since < LEARNING.spanMs;

export const amountIn = (counts: Counts, amount: Counted): number =>
  amount === 'tokens' ? counts.input + counts.output : counts[amount];
