/**
 * The course where deadlines or prices count. What is wanted, in this order, each among what is best by all before:
 * least lateness (ms × jobs), then the end of what is late, then least money for the classes of objective `cost`, then
 * least time for the others, then for all; at last little of the
 * limits, and early.
 */
import type { Course, CourseResult, Step, Worth } from './course.ts';
import { hastened, withoutCrumbs } from './tidy-course.ts';
import type { Arc, Limits } from './limits.ts';
import type { JobClass } from './problem.ts';
import { type Objective, type OrderedSolution, solveInOrder } from './solver.ts';
import { type StagedProgram, stagedProgram } from './staged-program.ts';
import { lastStartMs, type Stage, stagesOf } from './stages.ts';

type Goal = 'lateness' | 'late' | 'money' | 'time' | 'end' | 'waste';
type Ordered = Extract<OrderedSolution, { kind: 'optimal' }>;

export interface StagedNeeds {
  limits: Limits;
  idealMs: number;
  /** The least time that those to save time need, were they alone; null = there are none. */
  timeMs: number | null;
  /** Ids of the classes whose deadline is looked at. */
  watched: ReadonlySet<string>;
  /** About how long it takes, ms. */
  unitMs: number;
}

/** How a course is looked for. */
interface Attempt extends StagedNeeds {
  classes: readonly JobClass[];
  /** `ordered`: what is in time stays so, and what is to save time runs first · `loose`: anything may run at any time. */
  how: 'ordered' | 'loose';
  /** Classes that cannot be in time; they have an end of their own. */
  late: ReadonlySet<string>;
}

/** Below this mean lateness a plan is in time. */
const IN_TIME_MS = 1;

/** The smallest program that can answer is asked first. */
export async function stagedCourse(needs: StagedNeeds): Promise<CourseResult> {
  const classes = [...new Set(needs.limits.arcs.map(({ jobClass }) => jobClass))];
  const inTime = await courseBy({ ...needs, classes, how: 'ordered', late: new Set() });
  if (inTime !== null) return inTime;
  const found = await findLate({ ...needs, classes, how: 'loose', late: new Set() });
  if (found.kind === 'failed') return found;
  const attempt = { ...needs, classes, late: found.late };
  return (
    (found.late.size > 0 ? await courseBy({ ...attempt, how: 'ordered' }) : null) ??
    (await courseBy({ ...attempt, how: 'loose' })) ?? { kind: 'failed', reason: IMPOSSIBLE }
  );
}

const IMPOSSIBLE = 'some class needs more of a limit than ever comes';

/** null = there is none by this attempt. */
async function courseBy(attempt: Attempt): Promise<CourseResult | null> {
  const program = programOf(attempt);
  if (program === null) return null;
  const goals = goalsOf(program, attempt);
  const solution = await solveInOrder(
    program.model,
    goals.map(({ objective }) => objective),
  );
  if (solution.kind === 'infeasible') return null;
  if (solution.kind === 'failed') return solution;
  if (attempt.how === 'ordered' && isHurried(program, solution)) return null;
  const told = { needs: attempt, goals: goals.map(({ goal }) => goal) };
  return { kind: 'solved', course: courseOf(program, solution, told) };
}

/** The classes of which some jobs are late when lateness is least. */
async function findLate(
  attempt: Attempt,
): Promise<{ kind: 'solved'; late: Set<string> } | { kind: 'failed'; reason: string }> {
  const program = programOf(attempt);
  const lateness = program && weigh(program, latenessOf(program, attempt));
  const late = new Set<string>();
  if (!lateness || lateness.columns.length === 0) return { kind: 'solved', late };
  const solution = await solveInOrder(program.model, [lateness]);
  if (solution.kind === 'failed') return solution;
  if (solution.kind === 'infeasible') return { kind: 'failed', reason: IMPOSSIBLE };
  if ((solution.each[0]?.value ?? 0) * attempt.unitMs <= IN_TIME_MS)
    return { kind: 'solved', late };
  const isLate = latenessOf(program, attempt);
  for (const [at, column] of program.columns.entries()) {
    const [index, stage] = [at % program.arcs.length, Math.floor(at / program.arcs.length)];
    const arc = program.arcs[index] as Arc;
    const share = solution.columns[column] ?? 0;
    if (share > LATE_SHARE && isLate(arc, index, stage) > 0) late.add(arc.jobClass.id);
  }
  return { kind: 'solved', late };
}

/** Less of a class than this is late for rounding. */
const LATE_SHARE = 1e-6;

/** null = some class could run at no time. */
function programOf(attempt: Attempt): StagedProgram | null {
  const { limits, timeMs, watched, unitMs, classes, how, late } = attempt;
  const starts = classes.filter(({ id }) => watched.has(id)).map(lastStartMs);
  const open = classes.some((each) => !savesTime(each) && !watched.has(each.id));
  const rest = how === 'loose' || open;
  const stages = stagesOf(starts, { timeMs, late: late.size > 0, rest });
  if (how === 'loose') return stagedProgram(limits, { stages, unitMs, mayRun: () => true });
  const may = orderOf(stages, attempt);
  const placed = new Set<JobClass>();
  const mayRun = (arc: Arc, stage: number): boolean => {
    const own = may(arc, stage);
    if (own) placed.add(arc.jobClass);
    return own;
  };
  const program = stagedProgram(limits, { stages, unitMs, mayRun });
  return placed.size === classes.length ? program : null;
}

/** When what may run: the late by the end of the late, the others in time and, where they are to save time, first. */
function orderOf(stages: readonly Stage[], { watched, late }: Attempt): StagedProgramOrder {
  const ends = latestEnds(stages);
  const place = (end: Stage['end']) => stages.findIndex((each) => each.end === end);
  const [lateStage, timeStage] = [place('late'), place('time')];
  return ({ jobClass, placement }, stage) => {
    const { id, deadlineInMs } = jobClass;
    if (late.has(id)) return stage <= lateStage;
    if (savesTime(jobClass) && stage > timeStage) return false;
    const endMs = (ends[stage] as number) + placement.latencyMs;
    return !watched.has(id) || endMs <= (deadlineInMs ?? Infinity) + ROUNDING_MS;
  };
}

type StagedProgramOrder = (arc: Arc, stage: number) => boolean;

const ROUNDING_MS = 1e-6;

/** What is to save time was held to an end that the order of stages alone set. */
function isHurried({ stages, endColumns, unitMs }: StagedProgram, { columns }: Ordered): boolean {
  const time = stages.findIndex(({ end }) => end === 'time');
  const next = stages[time + 1];
  if (time < 0 || next?.end !== 'fixed') return false;
  const endMs = (columns[endColumns[time] as number] as number) * unitMs;
  return endMs > next.endMs * (1 - 1e-6);
}

/** When each stage ends at the latest: where its end is found, not after the next that is given. */
function latestEnds(stages: readonly Stage[]): number[] {
  let next = Infinity;
  return stages
    .toReversed()
    .map((stage) => (next = stage.end === 'fixed' ? stage.endMs : next))
    .toReversed();
}

/** What is wanted, in order. Weights are scaled so that values are about 1. */
function goalsOf(program: StagedProgram, attempt: Attempt): { goal: Goal; objective: Objective }[] {
  const { stages, endColumns } = program;
  const place = (end: Stage['end']) => stages.findIndex((each) => each.end === end);
  const [lateStage, timeStage, rest] = [place('late'), place('time'), place('rest')];
  const isLate = (jobClass: JobClass) => attempt.late.has(jobClass.id);
  const isLoose = attempt.how === 'loose';
  const goals: [Goal, Objective][] = [
    [
      'lateness',
      isLoose || attempt.late.size > 0 ? weigh(program, latenessOf(program, attempt)) : NOTHING,
    ],
    ['late', isLoose && lateStage >= 0 ? after(program, lateStage, isLate) : NOTHING],
    ['late', endOf(endColumns[lateStage])],
    ['money', weigh(program, moneyOf(attempt))],
    ['time', isLoose && timeStage >= 0 ? after(program, timeStage, savesTime) : NOTHING],
    ['time', endOf(endColumns[timeStage])],
    ['end', endOf(endColumns[rest])],
    ['waste', weigh(program, wasteOf(attempt))],
  ];
  return goals
    .filter(([, { columns }]) => columns.length > 0)
    .map(([goal, objective]) => ({ goal, objective }));
}

const savesTime = ({ objective }: JobClass): boolean => objective !== 'cost';

const NOTHING: Objective = { columns: [], weights: [] };

const endOf = (column = -1): Objective =>
  column < 0 ? NOTHING : { columns: [column], weights: [1] };

/** By arc and stage, what all jobs of the class would add to the objective there. */
type Weight = (arc: Arc, index: number, stage: number) => number;

function weigh({ stages, arcs, columns }: StagedProgram, weight: Weight): Objective {
  const objective: Objective = { columns: [], weights: [] };
  for (const stage of stages.keys())
    for (const [index, arc] of arcs.entries()) {
      const column = columns[stage * arcs.length + index] as number;
      const each = column < 0 ? 0 : weight(arc, index, stage);
      if (each === 0) continue;
      objective.columns.push(column);
      objective.weights.push(each);
    }
  return objective;
}

/** The part of these classes that starts after a stage. */
const after = (
  program: StagedProgram,
  last: number,
  counts: (jobClass: JobClass) => boolean,
): Objective => {
  const jobs = Math.max(1, ...program.arcs.map(({ jobClass }) => jobClass.jobs));
  return weigh(program, ({ jobClass }, _index, stage) =>
    stage > last && counts(jobClass) ? ((stage - last) * jobClass.jobs) / jobs : 0,
  );
};

/**
 * Mean lateness over all watched jobs, in units; ends that are yet to be found are taken to come soon. To be late at all
 * counts something, too: else one class that cannot be in time could as well make others late in its stead.
 */
function latenessOf({ stages }: StagedProgram, { classes, watched, unitMs }: Attempt): Weight {
  const jobs = classes.reduce((sum, each) => sum + (watched.has(each.id) ? each.jobs : 0), 0);
  const soonMs = Math.max(unitMs, ...stages.map((each) => (each.end === 'fixed' ? each.endMs : 0)));
  const ends = latestEnds(stages);
  return ({ jobClass, placement }, _index, stage) => {
    const deadlineMs = watched.has(jobClass.id) ? (jobClass.deadlineInMs ?? Infinity) : Infinity;
    const endMs = ends[stage] as number;
    if (deadlineMs === Infinity || endMs + placement.latencyMs <= deadlineMs + ROUNDING_MS)
      return 0;
    const lateMs = Math.min(endMs, soonMs) + placement.latencyMs - deadlineMs;
    const atLeastMs = endMs === Infinity ? soonMs / 20 : 0;
    return ((Math.max(lateMs, atLeastMs) + soonMs / 10) / unitMs) * (jobClass.jobs / jobs);
  };
}

/** An unknown price counts as the dearest that is known for the class. */
function moneyOf({ classes }: Attempt): Weight {
  const byCost = classes.filter(({ objective }) => objective === 'cost');
  const dearest = new Map(byCost.map((each) => [each, dearestOf(each)]));
  const scale = byCost.reduce((sum, each) => sum + each.jobs * (dearest.get(each) ?? 0), 0);
  return ({ jobClass, placement }) => {
    const most = dearest.get(jobClass) ?? 0;
    return most > 0 ? (jobClass.jobs * (placement.cost.usd ?? most)) / scale : 0;
  };
}

const dearestOf = ({ deployments }: JobClass): number =>
  Math.max(0, ...Object.values(deployments).map(({ cost }) => cost.usd ?? 0));

/** The time that a class takes of the limit it takes most of: little and early, where nothing else decides. */
function wasteOf({ limits, unitMs }: Attempt): Weight {
  const alone = new Float64Array(limits.arcs.length);
  for (const { perMs, uses } of limits.limits)
    for (const { arc, perJob } of uses) {
      const ms = perMs > 0 ? (perJob * (limits.arcs[arc] as Arc).jobClass.jobs) / perMs : 0;
      alone[arc] = Math.max(alone[arc] as number, ms);
    }
  return (_arc, index, stage) => ((alone[index] as number) / unitMs) * (1 + stage);
}

interface Told {
  needs: StagedNeeds;
  goals: readonly Goal[];
}

function courseOf(program: StagedProgram, solution: Ordered, told: Told): Course {
  const { limits, idealMs } = told.needs;
  const ends = endsOf(program, solution.columns);
  const steps = limits.arcs.map((arc, index) =>
    ends.flatMap((untilMs, stage): Step[] => {
      const column = program.columns[stage * limits.arcs.length + index] as number;
      const share = column < 0 ? 0 : (solution.columns[column] as number);
      return share > 0
        ? [{ fromMs: ends[stage - 1] ?? 0, untilMs, jobs: share * arc.jobClass.jobs }]
        : [];
    }),
  );
  const worth = worthOf(program, solution, { ...told, ends });
  return hastened(withoutCrumbs({ limits, idealMs, endMs: ends.at(-1) ?? 0, steps, worth }));
}

function endsOf({ stages, endColumns, unitMs }: StagedProgram, columns: Float64Array): number[] {
  let before = 0;
  return stages.map((stage, index) => {
    const found = (columns[endColumns[index] as number] ?? 0) * unitMs;
    before = Math.max(before, stage.end === 'fixed' ? stage.endMs : found);
    return before;
  });
}

function worthOf(
  { stages, scales, unitMs }: StagedProgram,
  { each }: Ordered,
  { goals, ends, needs }: Told & { ends: readonly number[] },
): Worth[] {
  const time = each[goals.includes('time') ? goals.lastIndexOf('time') : goals.indexOf('end')];
  const money = each[goals.indexOf('money')];
  const dollars = moneyScale(needs.limits);
  return scales.map((scale, index) => {
    const worth: Worth = { price: 0, rateSavesMs: 0, rateSavesUsd: 0 };
    for (const stage of stages.keys()) {
      const row = stage * scales.length + index;
      const lengthMs = (ends[stage] as number) - (ends[stage - 1] ?? 0);
      const price = Math.max(0, -(time?.rowPrices[row] ?? 0)) * unitMs * scale;
      worth.price = Math.max(worth.price, price);
      worth.rateSavesMs += price * lengthMs;
      worth.rateSavesUsd += Math.max(0, -(money?.rowPrices[row] ?? 0)) * dollars * scale * lengthMs;
    }
    return worth;
  });
}

/** Dollars of one unit of the money objective. */
const moneyScale = ({ arcs }: Limits): number =>
  [...new Set(arcs.map(({ jobClass }) => jobClass))]
    .filter(({ objective }) => objective === 'cost')
    .reduce((sum, each) => sum + each.jobs * dearestOf(each), 0);
