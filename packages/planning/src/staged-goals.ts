/**
 * What is wanted of a course in stages, in this order, each among what is best by all before: what can be in time is, then the
 * end of what is late is as early as can be, and as much of that in time as can be (ms × jobs), then least money for the classes of objective `cost`, then least time for the others,
 * then for all; at last little of the limits, and early.
 */
import type { Arc, Limits } from './limits.ts';
import { countedUsd, dearestOf } from './prices.ts';
import type { JobClass } from './problem.ts';
import type { Objective } from './solver.ts';
import { type Attempt, savesTime } from './staged-attempt.ts';
import type { StagedProgram } from './staged-program.ts';
import { latestEnds, ROUNDING_MS, type Stage } from './stages.ts';

export type Goal = 'lateness' | 'late' | 'money' | 'time' | 'end' | 'waste';

/** What is wanted, in order. Weights are scaled so that values are about 1. */
export function goalsOf(
  program: StagedProgram,
  attempt: Attempt,
): { goal: Goal; objective: Objective }[] {
  const { stages, endColumns } = program;
  const place = (end: Stage['end']) => stages.findIndex((each) => each.end === end);
  const [lateStage, timeStage, rest] = [place('late'), place('time'), place('rest')];
  const isLate = (jobClass: JobClass) => attempt.late.ids.has(jobClass.id);
  const isSettled = attempt.late.inTime.size > 0;
  const isLoose = attempt.how === 'loose';
  const ofAll = latenessOf(program, attempt);
  const lateness =
    (counts: (jobClass: JobClass) => boolean): Weight =>
    (arc, index, stage) =>
      counts(arc.jobClass) ? ofAll(arc, index, stage) : 0;
  const goals: [Goal, Objective][] = [
    [
      'lateness',
      isLoose
        ? weigh(
            program,
            lateness((jobClass) => !isLate(jobClass)),
          )
        : NOTHING,
    ],
    ['late', isLoose && lateStage >= 0 ? after(program, lateStage, isLate) : NOTHING],
    ['late', isSettled ? NOTHING : endOf(endColumns[lateStage])],
    ['lateness', isSettled ? NOTHING : weigh(program, lateness(isLate))],
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

const NOTHING: Objective = { columns: [], weights: [] };

const endOf = (column = -1): Objective =>
  column < 0 ? NOTHING : { columns: [column], weights: [1] };

/** By arc and stage, what all jobs of the class would add to the objective there. */
type Weight = (arc: Arc, index: number, stage: number) => number;

export function weigh({ stages, arcs, columns }: StagedProgram, weight: Weight): Objective {
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
export function latenessOf(
  { stages }: StagedProgram,
  { classes, watched, unitMs }: Attempt,
): Weight {
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
    return most > 0 ? (jobClass.jobs * (countedUsd(placement) ?? most)) / scale : 0;
  };
}

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

/** Dollars of one unit of the money objective. */
export const moneyScale = ({ arcs }: Limits): number =>
  [...new Set(arcs.map(({ jobClass }) => jobClass))]
    .filter(({ objective }) => objective === 'cost')
    .reduce((sum, each) => sum + each.jobs * dearestOf(each), 0);
