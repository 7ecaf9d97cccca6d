/**
 * What was done lately, as a sum that forgets: of what was added t ago e^(−t/30 s) is left. For figures that people look at:
 * nobody places by them.
 */

export const LATELY = {
  /** After so long a third (1/e) of something is left, ms. */
  decayMs: 30_000,
  /** When nothing was added for so long nothing is left: what stays of two sums would have the same ratio for ever. ms. */
  forgottenMs: 60_000,
} as const;

/** Immutable. */
export interface Lately {
  /** As of `at`. */
  readonly sum: number;
  /** When something was added last, ms. */
  readonly at: number;
}

export function addLately(before: Lately | undefined, amount: number, now: number): Lately {
  return { sum: sumLately(before, now) + amount, at: Math.max(before?.at ?? now, now) };
}

export function sumLately(lately: Lately | undefined, now: number): number {
  if (lately === undefined || now - lately.at > LATELY.forgottenMs) return 0;
  return lately.sum * Math.exp(-Math.max(0, now - lately.at) / LATELY.decayMs);
}

/**
 * Each one's share of what all of them got lately, by id: 0…1, adding up to 1. One that `takes` nothing any more has 0 at
 * once, and what it got counts no longer; null: nobody got anything lately.
 */
export function sharesLately(
  ids: readonly string[],
  got: (id: string) => number,
  takes: (id: string) => boolean,
): Map<string, number | null> {
  const taking = new Map(ids.filter(takes).map((id) => [id, got(id)]));
  const all = [...taking.values()].reduce((total, sum) => total + sum, 0);
  const share = (sum: number): number | null => (all > 0 ? sum / all : null);
  return new Map(ids.map((id) => [id, taking.has(id) ? share(taking.get(id) as number) : 0]));
}
