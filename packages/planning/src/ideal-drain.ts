/**
 * T*: the shortest time in which a set of jobs can be drained through a fleet's budgets, by a linear program (facts:
 * fluid lower bound on drain time). No schedule whatever is faster; a real one needs a little longer, for jobs are whole
 * and budgets are kept with a margin. The same solution says which class should go where, and which budgets it is that
 * take the time.
 */
import type { Limits } from './limits.ts';
import { limitsOf } from './limits.ts';
import { leastTime } from './least-time.ts';
import type { LeastTime } from './least-time.ts';
import type { LinearProgram } from './linear-program.ts';
import { type DrainProblem, mistakeIn, type PlannedDimension } from './problem.ts';

export type IdealDrain =
  | {
      kind: 'solved';
      /** From the first call's start to the last answer, ms: a lower bound. */
      idealMs: number;
      /** Jobs (fractions allowed) by class and deployment; what is 0 is left out. */
      assignment: Record<string, Record<string, number>>;
      /** The limits that take the time, dearest first within a budget's order. */
      binding: Binding[];
    }
  | { kind: 'infeasible' | 'failed'; reason: string };

export interface Binding {
  budget: string;
  dimension: PlannedDimension | 'concurrency';
  /** Ms by which T* would fall with one more request or token at the start (for concurrency: one more slot × ms). */
  price: number;
}

type Found = Extract<LeastTime, { kind: 'optimal' }>;
type Optimal = Found['solution'];

/**
 * Shares and (scaled) prices below this are rounding. Not larger: a tiny price times a budget that would need hours for
 * one job is what keeps that job away from it.
 */
const NOTHING = 1e-11;

/**
 * Solves the problem. `infeasible`: no time would be enough (a class without a deployment, a limit of 0).
 * `failed`: the problem is malformed or the solver gave up; then room alone should decide.
 */
export async function idealDrain(problem: DrainProblem): Promise<IdealDrain> {
  const mistake = mistakeIn(problem);
  if (mistake !== null) return { kind: 'failed', reason: mistake };
  const homeless = problem.classes.find(
    ({ jobs, deployments }) => jobs > 0 && Object.keys(deployments).length === 0,
  );
  if (homeless) return { kind: 'infeasible', reason: `class ${homeless.id} has no deployment` };
  if (problem.classes.every(({ jobs }) => jobs === 0))
    return { kind: 'solved', idealMs: 0, assignment: {}, binding: [] };

  const limits = limitsOf(problem);
  const found = await leastTime(limits);
  if (found.kind === 'infeasible')
    return { kind: 'infeasible', reason: 'some class needs a limit of which nothing ever comes' };
  return found.kind === 'failed' ? found : solved(limits, found);
}

function solved(limits: Limits, { program, solution, waitMs }: Found): IdealDrain {
  return {
    kind: 'solved',
    idealMs: Math.max(limits.leastMs, waitMs) + limits.shortestMs,
    assignment: assignmentOf(limits, solution),
    binding: bindingOf(limits, program, solution),
  };
}

function assignmentOf(
  { arcs }: Limits,
  { columns }: Optimal,
): Record<string, Record<string, number>> {
  const assignment: Record<string, Record<string, number>> = {};
  for (const [index, { jobClass, deployment }] of arcs.entries()) {
    const share = columns[index] as number;
    if (share <= NOTHING) continue;
    const places = (assignment[jobClass.id] ??= {});
    places[deployment] = share * jobClass.jobs;
  }
  return assignment;
}

function bindingOf(
  { limits }: Limits,
  { scales, unitMs }: LinearProgram,
  solution: Optimal,
): Binding[] {
  return limits.flatMap(({ budget, dimension }, row) => {
    // What the objective gains by loosening the row: never positive in a minimisation.
    const gain = -(solution.rowPrices[row] as number);
    return gain > NOTHING
      ? [{ budget, dimension, price: gain * unitMs * (scales[row] as number) }]
      : [];
  });
}
