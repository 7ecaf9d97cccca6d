/**
 * Who is much slower than the others that answer the same: over three times their median for three intervals in a row
 * (Envoy's outlier detection, on latency; facts/algorithms 4.2). Such a one counts with half its weight until it is back
 * under twice the median; it is not ejected, so no pool loses its last. Who fails is the breaker's business. Pure.
 */

export const OUTLIER = {
  intervalMs: 10_000,
  intervals: 3,
  ratio: 3,
  /** It counts in full again below this. */
  backBelow: 2,
  /** Calls in an interval, below which nothing is said. */
  leastCalls: 5,
  weightFactor: 0.5,
} as const;

/** Of one deployment in one interval. */
export interface Measured {
  latencyMs: number;
  calls: number;
}

/** `strikes`: intervals in a row in which it was too slow. */
export interface Slowness {
  strikes: number;
  slow: boolean;
}

/** The weight that it counts with now. */
export const weightNow = (weight: number, slow: boolean | undefined): number =>
  slow === true ? weight * OUTLIER.weightFactor : weight;

const NORMAL: Slowness = { strikes: 0, slow: false };

/** `groups`: deployments whose answers are accepted as equal. One with too few calls, or without peers, stays as it was. */
export function afterInterval(
  before: ReadonlyMap<string, Slowness>,
  measured: ReadonlyMap<string, Measured>,
  groups: readonly (readonly string[])[],
): Map<string, Slowness> {
  const known = new Map([...measured].filter(([, { calls }]) => calls >= OUTLIER.leastCalls));
  const after = new Map(before);
  for (const [id, { latencyMs }] of known) {
    const ratios = groups
      .filter((group) => group.includes(id))
      .flatMap((group) => ratioTo(latencyMs, othersOf(group, id, known)));
    // In one group it may be the only kind of its size: it is an outlier where it is one everywhere.
    if (ratios.length > 0) after.set(id, next(before.get(id) ?? NORMAL, Math.min(...ratios)));
  }
  return after;
}

const othersOf = (
  group: readonly string[],
  id: string,
  known: ReadonlyMap<string, Measured>,
): number[] =>
  group.filter((other) => other !== id).flatMap((other) => known.get(other)?.latencyMs ?? []);

function ratioTo(latencyMs: number, others: readonly number[]): number[] {
  if (others.length === 0) return [];
  const sorted = others.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] as number;
  return median > 0 ? [latencyMs / median] : [];
}

function next({ strikes, slow }: Slowness, ratio: number): Slowness {
  if (slow) return ratio < OUTLIER.backBelow ? NORMAL : { strikes, slow };
  const more = ratio > OUTLIER.ratio ? strikes + 1 : 0;
  return { strikes: more, slow: more >= OUTLIER.intervals };
}
