/**
 * The problem as a list of limits, each "what is used of it ≤ what there is at the start + what comes per ms × the
 * time until the last call starts". Rates and slots differ in unit only.
 *
 * Time. The drain is measured from the first call's start to the last answer, T. A budget is charged when a call starts,
 * and whatever has answered by T has started by T − l, where l is the shortest latency of any job anywhere; so all
 * charges are made within A = T − l. Slots are held from the first start to the last answer: A + l. A class with jobs
 * takes at least its own fastest latency. Each holds of every schedule there could be, so the least A that satisfies
 * them all gives a lower bound, T* = A + l.
 */
import type { RateDimension } from '@sluice/job';
import { type DrainProblem, type JobClass, type Placement, unitsOf } from './problem.ts';

/** A class on a deployment: one unknown of the program. */
export interface Arc {
  jobClass: JobClass;
  deployment: string;
  placement: Placement;
}

export interface Limit {
  budget: string;
  dimension: RateDimension | 'concurrency';
  /** Available at the start: requests, tokens, or slot × ms. */
  start: number;
  /** More of it with each ms of A. */
  perMs: number;
  /** Who uses it, and what one job takes (above 0). */
  uses: { arc: number; perJob: number }[];
}

export interface Limits {
  arcs: Arc[];
  limits: Limit[];
  /** l above, ms. */
  shortestMs: number;
  /** The least A for which every class has time for one call, ms. */
  leastMs: number;
}

/** Only classes with jobs count, each of which must have a deployment. */
export function limitsOf(problem: DrainProblem): Limits {
  const classes = problem.classes.filter(({ jobs }) => jobs > 0);
  const arcs = classes.flatMap((jobClass) =>
    Object.entries(jobClass.deployments).map(([deployment, placement]) => ({
      jobClass,
      deployment,
      placement,
    })),
  );
  const fastest = classes.map((each) =>
    Math.min(...Object.values(each.deployments).map(({ latencyMs }) => latencyMs)),
  );
  const shortestMs = Math.min(...fastest);
  const limits = [...rateLimits(problem, arcs), ...slotLimits(problem, { arcs, shortestMs })];
  return {
    arcs,
    limits: limits.filter(({ uses }) => uses.length > 0),
    shortestMs,
    leastMs: Math.max(...fastest) - shortestMs,
  };
}

function rateLimits(problem: DrainProblem, arcs: readonly Arc[]): Limit[] {
  return problem.budgets.flatMap(({ id, rates }) =>
    rates.map(({ dimension, perMs, burst }) => ({
      budget: id,
      dimension,
      start: burst,
      perMs,
      uses: usesOf(arcs, drawingOn(problem, id), ({ cost }) => unitsOf(cost, dimension)),
    })),
  );
}

function slotLimits(
  problem: DrainProblem,
  { arcs, shortestMs }: { arcs: readonly Arc[]; shortestMs: number },
): Limit[] {
  const slots = (id: string, members: ReadonlySet<string>, concurrency: number | null): Limit[] =>
    concurrency === null
      ? []
      : [
          {
            budget: id,
            dimension: 'concurrency',
            start: concurrency * shortestMs,
            perMs: concurrency,
            uses: usesOf(arcs, members, ({ latencyMs }) => latencyMs),
          },
        ];
  return [
    ...problem.deployments.flatMap((each) => slots(each.id, new Set([each.id]), each.concurrency)),
    ...problem.budgets.flatMap((each) =>
      slots(each.id, drawingOn(problem, each.id), each.concurrency),
    ),
  ];
}

const drawingOn = ({ deployments }: DrainProblem, budget: string): Set<string> =>
  new Set(deployments.filter(({ budgets }) => budgets.includes(budget)).map(({ id }) => id));

function usesOf(
  arcs: readonly Arc[],
  members: ReadonlySet<string>,
  take: (placement: Placement) => number,
): Limit['uses'] {
  return arcs.flatMap(({ deployment, placement }, arc) => {
    const perJob = members.has(deployment) ? take(placement) : 0;
    return perJob > 0 ? [{ arc, perJob }] : [];
  });
}
