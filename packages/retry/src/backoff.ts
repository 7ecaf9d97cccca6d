/**
 * How long a failed job waits: full jitter, uniform in [0, min(cap, base · 2^(n−1))), which spreads a crowd of
 * jobs that failed together best for the least total work (AWS Architecture Blog, "Exponential Backoff And
 * Jitter", 2015; facts/algorithms 4.3).
 */

/** `retry.backoff`. */
export interface Backoff {
  baseMs: number;
  capMs: number;
}

/**
 * Milliseconds to wait after the `attempt`-th failure (1 = the first).
 * `random` is uniform in [0, 1); the result is a whole number in [0, capMs).
 */
export function backoffMs(
  attempt: number,
  random: () => number,
  { baseMs, capMs }: Readonly<Backoff>,
): number {
  // 2^31 · base is far above any cap; without the bound the power overflows to Infinity for absurd histories.
  const doublings = Math.min(Math.max(attempt, 1) - 1, 31);
  return Math.floor(random() * Math.min(capMs, baseMs * 2 ** doublings));
}
