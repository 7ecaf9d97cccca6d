/**
 * The wait that a 429 asks for, as vendors say it: OpenAI in `retry-after-ms` to the millisecond (and in `retry-after` beside it),
 * Anthropic in `retry-after` alone, in whole seconds. Both rounded up: a client that waits as long is late rather than early.
 */

/** Advised where nobody knows when a call in flight will end, ms. */
export const CONCURRENCY_RETRY_MS = 1_000;

/** What `retry-after` says, s. */
export const retryAfterSeconds = (waitMs: number): number => Math.max(1, Math.ceil(waitMs / 1_000));

/** What `retry-after-ms` says. */
export const retryAfterMs = (waitMs: number): number => Math.ceil(waitMs);

/** What a client reads of it, ms. `format`: the provider's wire format. */
export const advisedMs = (format: string, waitMs: number): number =>
  format === 'openai' ? retryAfterMs(waitMs) : retryAfterSeconds(waitMs) * 1_000;
