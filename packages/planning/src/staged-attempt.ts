/** What a course in stages has to do, and the program that one attempt at it asks the solver. */
import type { Arc, Limits } from './limits.ts';
import type { JobClass } from './problem.ts';
import { type StagedProgram, stagedProgram } from './staged-program.ts';
import {
  lastStartMs,
  latestEnds,
  ROUNDING_MS,
  slowStartMs,
  type Stage,
  stagesOf,
} from './stages.ts';

export interface StagedNeeds {
  limits: Limits;
  idealMs: number;
  fleetMs: number;
  /** The least time that those to save time need, were they alone; null = there are none. */
  timeMs: number | null;
  /** Ids of the classes whose deadline is looked at. */
  watched: ReadonlySet<string>;
  /** About how long it takes, ms. */
  unitMs: number;
}

/** How a course is looked for. */
export interface Attempt extends StagedNeeds {
  classes: readonly JobClass[];
  /** `ordered`: what is in time stays so, and what is to save time runs first · `loose`: anything may run at any time. */
  how: 'ordered' | 'loose';
  /** What is to save money, and therefore runs until its deadline, leaves time for a call that takes so many times the mean. */
  calls: number;
  /** Whether calls to unusually slow deployments are to be in time, too: they must start sooner, for which there are stages. */
  patient: boolean;
  /** Classes that cannot be in time; they have an end of their own. */
  late: Late;
}

/** What cannot be in time, whatever is done. */
export interface Late {
  ids: ReadonlySet<string>;
  /** By class, the part that is in time nonetheless, 0…1; empty = not known. */
  inTime: ReadonlyMap<string, number>;
  /** When the rest of them has started, ms. */
  endMs: number;
  /** How many of the last starts come before that. */
  after: number;
}

export const NOTHING_LATE: Late = {
  ids: new Set(),
  inTime: new Map(),
  endMs: Infinity,
  after: Infinity,
};

/** null = some class could run at no time. */
export function programOf(attempt: Attempt): StagedProgram | null {
  const { limits, timeMs, watched, unitMs, classes, how, late } = attempt;
  const open = classes.some((each) => !savesTime(each) && !watched.has(each.id));
  const rest = how === 'loose' || open;
  const lateAfter = late.ids.size > 0 ? late.after : null;
  const stages = stagesOf(startsOf(attempt), { timeMs, lateAfter, rest });
  if (how === 'loose') return stagedProgram(limits, { stages, unitMs, mayRun: () => true });
  const may = orderOf(stages, attempt);
  const placed = new Set<JobClass>();
  const mayRun = (arc: Arc, stage: number): boolean => {
    const own = may(arc, stage);
    if (own) placed.add(arc.jobClass);
    return own;
  };
  const isInTime = inTimeBy(stages, attempt);
  const program = stagedProgram(limits, { stages, unitMs, mayRun, late: { ...late, isInTime } });
  return placed.size === classes.length ? program : null;
}

/** When the last calls of the watched classes must have started, ms. */
function startsOf({ classes, watched, calls, patient }: Attempt): number[] {
  const due = classes.filter(({ id }) => watched.has(id));
  const usual = due.map((each) => lastStartMs(each, savesTime(each) ? 1 : calls));
  return patient ? [...usual, ...due.flatMap(slowStartMs)] : usual;
}

/** When what may run: the late by the end of the late, the others in time and, where they are to save time, first. */
function orderOf(stages: readonly Stage[], attempt: Attempt): StagedProgramOrder {
  const isInTime = inTimeBy(stages, attempt);
  const place = (end: Stage['end']) => stages.findIndex((each) => each.end === end);
  const [lateStage, timeStage] = [place('late'), place('time')];
  return (arc, stage) => {
    if (attempt.late.ids.has(arc.jobClass.id)) return stage <= lateStage;
    return savesTime(arc.jobClass) && stage > timeStage ? false : isInTime(arc, stage);
  };
}

/** Whether a call in the stage is in time, however late in the stage it starts. */
export function inTimeBy(
  stages: readonly Stage[],
  { watched }: Pick<Attempt, 'watched'>,
): StagedProgramOrder {
  const ends = latestEnds(stages);
  return ({ jobClass: { id, deadlineInMs }, placement }, stage) =>
    !watched.has(id) ||
    (ends[stage] as number) + placement.latencyMs <= (deadlineInMs ?? Infinity) + ROUNDING_MS;
}

type StagedProgramOrder = (arc: Arc, stage: number) => boolean;

export const savesTime = ({ objective }: JobClass): boolean => objective !== 'cost';
