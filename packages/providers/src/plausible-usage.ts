/**
 * Whether to believe what an answer says it used. A count decides what is charged to budgets and to tenants, so one that
 * cannot be true (a fraction, a negative or an absurd number) must not: then the usage is unknown, as if none was sent.
 */
import type { Usage } from '@sluice/job';

export interface CallSize {
  /** Length of the request's body and of the answer's; characters do where they are at hand. */
  sentBytes: number;
  receivedBytes: number;
}

/**
 * Tokens beyond one per byte: what the provider adds (pictures, files and conversations it was only given the name of)
 * and thoughts it does not show. As much as the largest context windows of 2026 that are sold.
 */
const SLACK_TOKENS = 2_000_000;
const MOST_TOKENS = 1_000_000_000;

/** The usage, or null if it cannot be true. */
export function plausibleUsage(usage: Usage, { sentBytes, receivedBytes }: CallSize): Usage | null {
  const { input_tokens: input, output_tokens: output } = usage;
  const counts = Object.values(usage) as number[];
  const believable =
    counts.every((count) => Number.isInteger(count) && count >= 0 && count <= MOST_TOKENS) &&
    input <= sentBytes + SLACK_TOKENS &&
    output <= receivedBytes + SLACK_TOKENS;
  // More from the cache than there was would cost less than nothing.
  return believable ? { ...usage, cached_tokens: Math.min(usage.cached_tokens, input) } : null;
}
