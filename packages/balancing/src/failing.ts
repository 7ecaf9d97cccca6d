/**
 * Who fails much more often than those that answer the same: success of the last interval more than 1.9 standard deviations,
 * and at least five points in a hundred, under the mean of five or more peers with a hundred calls each (Envoy's success-rate
 * ejection; facts/algorithms 4.2). The points are ours: among peers that hardly fail, a deviation is next to nothing. With
 * fewer peers a mean says little; there the breaker's absolute thresholds stand alone. Pure.
 */

const FAILING = {
  deviations: 1.9,
  leastGap: 0.05,
  leastPeers: 5,
  leastCalls: 100,
} as const;

/** Of one deployment in one interval: calls that tell something of it. */
export interface Answered {
  ok: number;
  failures: number;
}

/** `groups`: deployments whose answers are accepted as equal. One in several groups must fail against each that says anything. */
export function failingMost(
  answered: ReadonlyMap<string, Answered>,
  groups: readonly (readonly string[])[],
): Set<string> {
  const verdicts = new Map<string, boolean>();
  for (const group of groups) {
    const rates = ratesOf(group, answered);
    if (rates.size < FAILING.leastPeers) continue;
    const least = leastOf([...rates.values()]);
    for (const [id, rate] of rates) verdicts.set(id, rate < least && (verdicts.get(id) ?? true));
  }
  return new Set([...verdicts].flatMap(([id, fails]) => (fails ? [id] : [])));
}

function ratesOf(
  group: readonly string[],
  answered: ReadonlyMap<string, Answered>,
): Map<string, number> {
  const rates = new Map<string, number>();
  for (const id of group) {
    const { ok, failures } = answered.get(id) ?? { ok: 0, failures: 0 };
    if (ok + failures >= FAILING.leastCalls) rates.set(id, ok / (ok + failures));
  }
  return rates;
}

function leastOf(rates: readonly number[]): number {
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length;
  return mean - Math.max(FAILING.leastGap, FAILING.deviations * Math.sqrt(variance));
}
