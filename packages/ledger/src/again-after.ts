/** When what failed is tried again: after as long as it has failed, ms. Pure. */
const LEAST_MS = 2_000;
const MOST_MS = 60_000;

/** `failedForMs`: since its first failure, ms; 0 = just now. */
export const againAfterMs = (failedForMs: number): number =>
  Math.max(LEAST_MS, Math.min(MOST_MS, failedForMs));
