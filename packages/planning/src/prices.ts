/** What classes that save money would rather not use, and what is the same to them. */
import type { Arc } from './limits.ts';
import type { JobClass, Placement } from './problem.ts';

/** Dollars that a job counts as there; null = unknown. */
export const countedUsd = ({ cost, countsAsUsd }: Placement): number | null =>
  (countsAsUsd === undefined ? cost.usd : countsAsUsd) ?? null;

/** Dollars of a job where it costs most of what is known; 0 where nothing is. */
export const dearestOf = ({ deployments }: JobClass): number =>
  Math.max(0, ...Object.values(deployments).map((each) => countedUsd(each) ?? 0));

const cheapestOf = ({ deployments }: JobClass): number =>
  Math.min(...Object.values(deployments).map((each) => countedUsd(each) ?? Infinity));

/**
 * By arc: whether its class saves money and some other place is cheaper for it. An unknown price is dearer than any known.
 */
export function dearArcs(arcs: readonly Arc[]): boolean[] {
  let least = Infinity;
  return arcs.map(({ jobClass, placement }, index) => {
    if (jobClass.objective !== 'cost') return false;
    if (arcs[index - 1]?.jobClass !== jobClass) least = cheapestOf(jobClass);
    return (countedUsd(placement) ?? Infinity) > least * (1 + ROUNDING);
  });
}

const ROUNDING = 1e-9;

/**
 * By arc: the first of those that are the same to its class: what saves money has no preference among places of one price. Arcs of a
 * class that saves time are each its own.
 */
export function sameArcs(arcs: readonly Arc[]): number[] {
  const first = new Map<number | null, number>();
  return arcs.map(({ jobClass, placement }, index) => {
    if (arcs[index - 1]?.jobClass !== jobClass) first.clear();
    const usd = countedUsd(placement);
    const same = jobClass.objective === 'cost' ? (first.get(usd) ?? index) : index;
    first.set(usd, same);
    return same;
  });
}
