/** What classes that save money would rather not use. */
import type { Arc } from './limits.ts';
import type { JobClass } from './problem.ts';

/** Dollars of a job where it costs most of what is known; 0 where nothing is. */
export const dearestOf = ({ deployments }: JobClass): number =>
  Math.max(0, ...Object.values(deployments).map(({ cost }) => cost.usd ?? 0));

const cheapestOf = ({ deployments }: JobClass): number =>
  Math.min(...Object.values(deployments).map(({ cost }) => cost.usd ?? Infinity));

/**
 * By arc: whether its class saves money and some other place is cheaper for it. An unknown price is dearer than any known.
 */
export function dearArcs(arcs: readonly Arc[]): boolean[] {
  let least = Infinity;
  return arcs.map(({ jobClass, placement }, index) => {
    if (jobClass.objective !== 'cost') return false;
    if (arcs[index - 1]?.jobClass !== jobClass) least = cheapestOf(jobClass);
    return (placement.cost.usd ?? Infinity) > least * (1 + ROUNDING);
  });
}

const ROUNDING = 1e-9;
