/**
 * The course where deadlines or prices count. What is wanted, in this order, each among what is best by all before:
 * least lateness (ms × jobs), then the end of what is late, then least money for the classes of objective `cost`, then
 * least time for the others, then for all; at last no waste of limits that are no one's bottleneck.
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

/** Below this many ms × jobs per job a plan is in time. */
const IN_TIME_MS = 1;

export async function stagedCourse(needs: StagedNeeds): Promise<CourseResult> {
  const inTime = await attempt(needs, false);
  if (inTime.kind === 'failed' || inTime.latenessMs <= IN_TIME_MS) return inTime;
  return attempt(needs, true);
}

async function attempt(
  needs: StagedNeeds,
  late: boolean,
): Promise<CourseResult & { latenessMs: number }> {
  const { limits, timeMs, watched, unitMs } = needs;
  const classes = [...new Set(limits.arcs.map(({ jobClass }) => jobClass))];
  const starts = classes.filter(({ id }) => watched.has(id)).map(lastStartMs);
  const stages = stagesOf(starts, { timeMs, late });
  const program = stagedProgram(limits, stages, unitMs);
  const goals = goalsOf(program, { ...needs, classes, late });
  const solution = await solveInOrder(
    program.model,
    goals.map(({ objective }) => objective),
  );
  if (solution.kind !== 'optimal')
    return { kind: 'failed', reason: reasonOf(solution), latenessMs: 0 };
  const lateness = goals.findIndex(({ goal }) => goal === 'lateness');
  return {
    kind: 'solved',
    course: courseOf(program, solution, { needs, goals: goals.map(({ goal }) => goal) }),
    latenessMs: lateness < 0 ? 0 : (solution.each[lateness]?.value ?? 0) * unitMs,
  };
}

const reasonOf = (solution: Exclude<OrderedSolution, Ordered>): string =>
  solution.kind === 'failed' ? solution.reason : 'some class needs more of a limit than ever comes';

interface Wishes extends StagedNeeds {
  classes: readonly JobClass[];
  late: boolean;
}

/** What is wanted, in order. Weights are scaled so that values are about 1. */
function goalsOf(program: StagedProgram, wishes: Wishes): { goal: Goal; objective: Objective }[] {
  const { stages, endColumns } = program;
  const place = (end: Stage['end']) => stages.findIndex((each) => each.end === end);
  const [lateStage, timeStage, rest] = [place('late'), place('time'), place('rest')];
  const anyLate = (jobClass: JobClass) => wishes.watched.has(jobClass.id);
  const lateness = weigh(program, latenessOf(program, wishes));
  const goals: [Goal, Objective][] = [
    ['lateness', lateness],
    ['late', wishes.late ? after(program, lateStage, anyLate) : NOTHING],
    ['late', wishes.late ? endOf(endColumns[lateStage]) : NOTHING],
    ['money', weigh(program, moneyOf(wishes))],
    ['time', timeStage >= 0 ? after(program, timeStage, savesTime) : NOTHING],
    ['time', timeStage >= 0 ? endOf(endColumns[timeStage]) : NOTHING],
    ['end', endOf(endColumns[rest])],
    ['waste', weigh(program, wasteOf(wishes))],
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

function weigh({ stages, arcs }: StagedProgram, weight: Weight): Objective {
  const objective: Objective = { columns: [], weights: [] };
  for (const stage of stages.keys())
    for (const [index, arc] of arcs.entries()) {
      const each = weight(arc, index, stage);
      if (each === 0) continue;
      objective.columns.push(stage * arcs.length + index);
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

/** Mean lateness over all watched jobs, in units; ends that the program finds are taken to come soon. */
function latenessOf({ stages }: StagedProgram, { classes, watched, unitMs }: Wishes): Weight {
  const jobs = classes.reduce((sum, each) => sum + (watched.has(each.id) ? each.jobs : 0), 0);
  let soonMs = unitMs;
  const ends = stages.map((stage) => {
    if (stage.end === 'fixed') soonMs = Math.max(soonMs, stage.endMs);
    return stage.end === 'fixed' ? stage.endMs : soonMs;
  });
  return ({ jobClass, placement }, _index, stage) => {
    const deadlineMs = watched.has(jobClass.id) ? (jobClass.deadlineInMs ?? Infinity) : Infinity;
    const found = stages[stage]?.end !== 'fixed';
    const lateMs = (ends[stage] as number) + placement.latencyMs - deadlineMs;
    if (deadlineMs === Infinity || (!found && lateMs <= 1e-6)) return 0;
    const atLeastMs = found ? soonMs / 20 : 0;
    return (Math.max(lateMs, atLeastMs) / unitMs) * (jobClass.jobs / jobs);
  };
}

/** An unknown price counts as the dearest that is known for the class. */
function moneyOf({ classes }: Wishes): Weight {
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

/** The time that a class takes of the limit it takes most of, for arcs among which nothing else decides. */
function wasteOf({ limits, unitMs }: Wishes): Weight {
  const alone = new Float64Array(limits.arcs.length);
  for (const { perMs, uses } of limits.limits)
    for (const { arc, perJob } of uses) {
      const ms = perMs > 0 ? (perJob * (limits.arcs[arc] as Arc).jobClass.jobs) / perMs : 0;
      alone[arc] = Math.max(alone[arc] as number, ms);
    }
  return (_arc, index) => (alone[index] as number) / unitMs;
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
      const share = solution.columns[stage * limits.arcs.length + index] as number;
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
