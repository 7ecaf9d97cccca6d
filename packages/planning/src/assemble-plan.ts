/** Puts the courses of independent parts together into one plan, with what it costs and what each limit has to do with it. */
import type { Course } from './course.ts';
import type { Arc, Limit } from './limits.ts';
import type { LateClass, Plan, PlannedPair, PlannedRow, SpokenFor } from './plan.ts';
import { dearArcs } from './prices.ts';
import type { DrainProblem, JobClass } from './problem.ts';

/** Lateness below this is rounding, ms. */
export const LATE_MS = 1;
const MINUTE_MS = 60_000;
/** A limit of which this part is used is full, though nothing may hang on it. */
const FULL = 1 - 1e-6;

export function assemblePlan(
  problem: DrainProblem,
  courses: readonly Course[],
  unplaced: string[],
): Plan {
  const calls = courses.flatMap(callsOf);
  const finishMs = finishes(calls);
  const late = problem.classes.flatMap((each) => lateness(each, finishMs));
  const pairs = heldPairs(courses, calls, late);
  const costs = costsOf(courses);
  const idealMs = Math.max(0, ...courses.map((course) => course.idealMs));
  return {
    idealMs,
    fleetMs: Math.max(0, ...courses.map((course) => course.fleetMs)),
    // T* is a bound: what comes out below it is rounding.
    plannedMs: Math.max(idealMs, ...Object.values(finishMs)),
    quotas: quotasOf(pairs),
    pairs,
    finishMs,
    rows: courses.flatMap(rowsOf),
    costUsd: Object.values(costs).reduce(addKnown, 0),
    costByClass: costs,
    paced: Object.assign({}, ...courses.map(pacedIn)) as Plan['paced'],
    late,
    unplaced,
    sharing: sharingOf(problem),
    spokenFor: spokenFor(problem),
  };
}

/** Of each deployment the limit that opens last. */
function spokenFor({ deployments, budgets }: DrainProblem): Plan['spokenFor'] {
  const byBudget = new Map<string, SpokenFor>();
  for (const { id, rates } of budgets)
    for (const { dimension, aheadMs = 0 } of rates)
      if (aheadMs > (byBudget.get(id)?.forMs ?? 0))
        byBudget.set(id, { budget: id, dimension, forMs: aheadMs });
  return Object.fromEntries(
    deployments.flatMap(({ id, budgets: drawn }) => {
      const [longest] = drawn
        .flatMap((budget) => byBudget.get(budget) ?? [])
        .toSorted((a, b) => b.forMs - a.forMs);
      return longest ? [[id, longest]] : [];
    }),
  );
}

/** Those that end when their tenants' limits let them. */
const pacedIn = ({ limits, steps }: Course): Plan['paced'] =>
  Object.fromEntries(
    limits.arcs.flatMap(({ jobClass: { id, shaped } }, index) => {
      const lastMs = steps[index]?.at(-1)?.untilMs ?? 0;
      return shaped && lastMs >= shaped.ms * FULL && lastMs <= shaped.ms / FULL
        ? [[id, shaped]]
        : [];
    }),
  );

type Calls = Omit<PlannedPair, 'held'>;

const callsOf = ({ limits, steps }: Course): Calls[] =>
  limits.arcs.map(({ jobClass, deployment, placement }, index) => {
    const own = steps[index] ?? [];
    return {
      class: jobClass.id,
      deployment,
      jobs: own.reduce((sum, { jobs }) => sum + jobs, 0),
      latencyMs: placement.latencyMs,
      steps: own,
    };
  });

/** What is late has no time to save money. */
function heldPairs(
  courses: readonly Course[],
  calls: readonly Calls[],
  late: readonly LateClass[],
): PlannedPair[] {
  const dear = courses.flatMap(({ limits }) => dearArcs(limits.arcs));
  const hurried = new Set(late.map((each) => each.class));
  return calls.map((each, index) => ({
    ...each,
    held: dear[index] === true && !hurried.has(each.class),
  }));
}

function quotasOf(pairs: readonly Calls[]): Plan['quotas'] {
  const quotas: Plan['quotas'] = {};
  for (const { class: id, deployment, jobs } of pairs)
    if (jobs > 0) (quotas[id] ??= {})[deployment] = jobs;
  return quotas;
}

function finishes(pairs: readonly Calls[]): Record<string, number> {
  const finishMs: Record<string, number> = {};
  for (const { class: id, latencyMs, steps } of pairs) {
    const last = steps.at(-1);
    if (last) finishMs[id] = Math.max(finishMs[id] ?? 0, last.untilMs + latencyMs);
  }
  return finishMs;
}

function lateness(jobClass: JobClass, finishMs: Readonly<Record<string, number>>): LateClass[] {
  const { id, deadlineInMs } = jobClass;
  const finish = finishMs[id];
  if (finish === undefined || deadlineInMs === undefined || deadlineInMs === null) return [];
  const lateByMs = finish - deadlineInMs;
  return lateByMs > LATE_MS ? [{ class: id, deadlineInMs, finishMs: finish, lateByMs }] : [];
}

const addKnown = (sum: number | null, each: number | null): number | null =>
  sum === null || each === null ? null : sum + each;

function costsOf(courses: readonly Course[]): Record<string, number | null> {
  const costs: Record<string, number | null> = {};
  for (const { limits, steps } of courses)
    for (const [index, { jobClass, placement }] of limits.arcs.entries()) {
      const jobs = jobsIn(steps[index]);
      const usd = placement.cost.usd ?? null;
      const own = jobs === 0 ? 0 : usd === null ? null : jobs * usd;
      costs[jobClass.id] = addKnown(
        costs[jobClass.id] === undefined ? 0 : (costs[jobClass.id] ?? null),
        own,
      );
    }
  return costs;
}

const jobsIn = (steps: Course['steps'][number] = []): number =>
  steps.reduce((sum, { jobs }) => sum + jobs, 0);

const rowsOf = (course: Course): PlannedRow[] =>
  course.limits.limits.map((limit, index) => rowOf(course, limit, index));

function rowOf({ limits, steps, worth, endMs }: Course, limit: Limit, index: number): PlannedRow {
  const usedBy: Record<string, number> = {};
  let sum = 0;
  for (const { arc, perJob } of limit.uses) {
    const units = perJob * jobsIn(steps[arc]);
    if (units === 0) continue;
    const { deployment } = limits.arcs[arc] as Arc;
    usedBy[deployment] = (usedBy[deployment] ?? 0) + units;
    sum += units;
  }
  const there = limit.start + limit.perMs * endMs;
  // Of what opens only later nothing is left.
  const used = there > 0 ? Math.min(1, sum / there) : limit.start < 0 ? 1 : 0;
  const { price = 0, rateSavesMs = 0, rateSavesUsd = 0 } = worth[index] ?? {};
  const per = limit.dimension === 'concurrency' ? 1 : 1 / MINUTE_MS;
  return {
    budget: limit.budget,
    dimension: limit.dimension,
    used,
    price,
    savesMs: rateSavesMs * per,
    savesUsd: rateSavesUsd * per,
    binding: price > 0 || rateSavesUsd > 0 || used >= FULL,
    usedBy,
  };
}

/** Of deployments that draw on a budget together, each with its others. */
function sharingOf({ deployments }: DrainProblem): Record<string, string[]> {
  const drawing = new Map<string, string[]>();
  for (const { id, budgets } of deployments)
    for (const budget of budgets) drawing.set(budget, [...(drawing.get(budget) ?? []), id]);
  return Object.fromEntries(
    deployments.map(({ id, budgets }) => {
      const together = new Set(budgets.flatMap((budget) => drawing.get(budget) ?? []));
      together.delete(id);
      return [id, [...together]];
    }),
  );
}
