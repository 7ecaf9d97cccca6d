/**
 * The problem as a list of limits, each "what is used of it ≤ what there is at the start + what comes per ms × the
 * time until the last call starts". Rates and slots differ in unit only.
 *
 * Time. The drain is measured from the first call's start to the last answer, T. A budget is charged when a call starts,
 * and whatever has answered by T has started by T − l, where l is the shortest latency of any job anywhere; so all
 * charges are made within A = T − l. Slots are held from the first start to the last answer: A + l. A class with jobs
 * takes at least its own fastest latency, and where its tenant has limits of its own so long after its last job may be sent. Each holds of every schedule there could be, so the least A that satisfies
 * them all gives a lower bound, T* = A + l.
 *
 * What is booked ahead. Of a rate that calls before have spoken for until a, there is by A what comes between the two: its start
 * is below 0 by what comes until a. Nothing starts before a that draws on it, so of what only such calls use nothing counts
 * before a either. Of those limits there is no less than nothing, which no linear row says: `least-time.ts` sees to that.
 */
import type {
  DrainProblem,
  JobClass,
  Placement,
  PlannedBudget,
  PlannedDeployment,
  PlannedDimension,
} from './problem.ts';
import { unitsOf } from './problem.ts';

/** A class on a deployment: one unknown of the program. */
export interface Arc {
  jobClass: JobClass;
  deployment: string;
  placement: Placement;
  /** Before that nothing of it starts: some limit that it draws on is spoken for, ms. */
  fromMs: number;
}

export interface Limit {
  budget: string;
  dimension: PlannedDimension | 'concurrency';
  /** Available at the start: requests, tokens, or slot × ms; below 0: what has to come before there is any. */
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
  /** The least A for which every class has time for one call, after all that its tenant's limits hold back, ms. */
  leastMs: number;
}

type Slots = Pick<PlannedDeployment, 'id' | 'concurrency'>;

/** Only classes with jobs count, each of which must have a deployment. */
export function limitsOf(problem: DrainProblem): Limits {
  const arcs: Arc[] = [];
  let shortestMs = Infinity;
  let slowestMs = 0;
  for (const jobClass of problem.classes) {
    if (jobClass.jobs === 0) continue;
    let fastestMs = Infinity;
    for (const [deployment, placement] of Object.entries(jobClass.deployments)) {
      arcs.push({ jobClass, deployment, placement, fromMs: 0 });
      fastestMs = Math.min(fastestMs, placement.latencyMs);
    }
    shortestMs = Math.min(shortestMs, fastestMs);
    slowestMs = Math.max(slowestMs, fastestMs + (jobClass.shaped?.ms ?? 0));
  }
  const { all, byDeployment } = emptyLimits(problem, shortestMs);
  for (const [arc, { deployment, placement }] of arcs.entries())
    for (const { dimension, uses } of byDeployment.get(deployment) ?? []) {
      const perJob =
        dimension === 'concurrency' ? placement.latencyMs : unitsOf(placement.cost, dimension);
      if (perJob > 0) uses.push({ arc, perJob });
    }
  const limits = all.filter(({ uses }) => uses.length > 0);
  return {
    arcs,
    limits: fromWhenUsed(arcs, limits),
    shortestMs,
    leastMs: slowestMs - shortestMs,
  };
}

/** When there is the first of it, ms. */
export const opensMs = ({ start, perMs }: Pick<Limit, 'start' | 'perMs'>): number =>
  start < 0 ? -start / perMs : 0;

/** Finds when each arc may start, and leaves out of each limit what comes before any that use it may. */
function fromWhenUsed(arcs: readonly Arc[], limits: Limit[]): Limit[] {
  const late = limits.filter(({ start }) => start < 0);
  if (late.length === 0) return limits;
  for (const limit of late)
    for (const { arc } of limit.uses) {
      const one = arcs[arc] as Arc;
      one.fromMs = Math.max(one.fromMs, opensMs(limit));
    }
  return limits.map((limit) => {
    const fromMs = Math.min(...limit.uses.map(({ arc }) => (arcs[arc] as Arc).fromMs));
    const missedMs = Math.max(0, fromMs - opensMs(limit));
    return { ...limit, start: limit.start - missedMs * limit.perMs };
  });
}

/** What these classes alone take of them. */
export function limitsAmong(about: Limits, counts: (jobClass: JobClass) => boolean): Limits {
  const arcs: Arc[] = [];
  const moved = about.arcs.map((arc) => (counts(arc.jobClass) ? arcs.push(arc) - 1 : -1));
  const limits = about.limits
    .map((limit) => ({
      ...limit,
      uses: limit.uses.flatMap(({ arc, perJob }) => {
        const to = moved[arc] as number;
        return to < 0 ? [] : [{ arc: to, perJob }];
      }),
    }))
    .filter(({ uses }) => uses.length > 0);
  return { ...about, arcs, limits };
}

/** Every limit of the problem, rates first, and by deployment those that a call there draws on. */
function emptyLimits({ budgets, deployments }: DrainProblem, shortestMs: number) {
  const rates = new Map(budgets.map((each) => [each.id, rateLimits(each)]));
  const shared = new Map(budgets.map((each) => [each.id, slotLimits(each, shortestMs)]));
  const own = new Map(deployments.map((each) => [each.id, slotLimits(each, shortestMs)]));
  const all = [rates, own, shared].flatMap((each) => [...each.values()].flat());
  const byDeployment = new Map(
    deployments.map(({ id, budgets: drawn }) => [
      id,
      [
        own.get(id) ?? [],
        ...[...new Set(drawn)].flatMap((each) => [rates.get(each) ?? [], shared.get(each) ?? []]),
      ].flat(),
    ]),
  );
  return { all, byDeployment };
}

const rateLimits = ({ id, rates }: PlannedBudget): Limit[] =>
  rates.map(({ dimension, perMs, burst, aheadMs = 0 }) => ({
    budget: id,
    dimension,
    start: burst - perMs * aheadMs,
    perMs,
    uses: [],
  }));

const slotLimits = ({ id, concurrency }: Slots, shortestMs: number): Limit[] =>
  concurrency === null
    ? []
    : [
        {
          budget: id,
          dimension: 'concurrency',
          start: concurrency * shortestMs,
          perMs: concurrency,
          uses: [],
        },
      ];
