/**
 * T* of a single class by bisection, without a solver: the independent twin that the linear program is checked against.
 * With one class each deployment's throughput by time A is a formula, min over its limits of (start + perMs × A) ÷ cost,
 * and T* is where these add up to all jobs. Holds only while no limit is shared.
 */
import { type Limit, limitsOf } from './limits.ts';
import type { DrainProblem } from './problem.ts';

/** T* in ms; Infinity when no time is enough; null for problems it cannot answer: several classes, a shared limit. */
export function drainOneClass(problem: DrainProblem): number | null {
  const [only, ...others] = problem.classes.filter(({ jobs }) => jobs > 0);
  if (!only || others.length > 0) return only ? null : 0;
  const { arcs, limits, shortestMs } = limitsOf(problem);
  if (limits.some(({ uses }) => uses.length > 1)) return null;

  const jobsBy = (ms: number): number =>
    arcs.reduce((sum, _arc, index) => sum + throughput(limits, index, ms), 0);
  let late = 1;
  while (jobsBy(late) < only.jobs) {
    if (late > Number.MAX_SAFE_INTEGER) return Infinity;
    late *= 2;
  }
  let early = 0;
  if (jobsBy(early) >= only.jobs) return shortestMs;
  for (let step = 0; step < 100; step += 1) {
    const middle = (early + late) / 2;
    if (jobsBy(middle) < only.jobs) early = middle;
    else late = middle;
  }
  return late + shortestMs;
}

function throughput(limits: readonly Limit[], arc: number, ms: number): number {
  let jobs = Infinity;
  for (const { start, perMs, uses } of limits)
    if (uses[0]?.arc === arc) jobs = Math.min(jobs, (start + perMs * ms) / uses[0].perJob);
  return jobs;
}
