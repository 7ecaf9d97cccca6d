/** What a job takes of a limit in the mean: what one call may take of it that is no more than usual. Pure. */
import { unitsOf } from './problem.ts';
import type { JobClass, PlannedDimension } from './problem.ts';

/** Of one job of these, wherever it may go, in the limit's unit; 0 = there are none. */
export function meanUnits(classes: readonly JobClass[], dimension: PlannedDimension): number {
  let [units, all] = [0, 0];
  for (const { jobs, deployments } of classes) {
    const each = Object.values(deployments).map(({ cost }) => unitsOf(cost, dimension));
    if (each.length === 0) continue;
    units += (jobs * each.reduce((sum, one) => sum + one, 0)) / each.length;
    all += jobs;
  }
  return all > 0 ? units / all : 0;
}
