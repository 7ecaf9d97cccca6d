/** What a course in stages has to do, and the program that one attempt at it asks the solver. */
import type { Arc, Limits } from './limits.ts';
import type { JobClass } from './problem.ts';
import { type StagedProgram, stagedProgram } from './staged-program.ts';
import { lastStartMs, latestEnds, ROUNDING_MS, type Stage, stagesOf } from './stages.ts';

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
export interface Attempt extends StagedNeeds {
  classes: readonly JobClass[];
  /**
   * `ordered`: what is in time stays so, and what is to save time runs first · `careful`: the same, and what is to save
   * money, and therefore runs until its deadline, leaves time for calls that take long · `loose`: anything may run at any
   * time.
   */
  how: 'careful' | 'ordered' | 'loose';
  /** Classes that cannot be in time; they have an end of their own. */
  late: ReadonlySet<string>;
}

/** How many times as long as the mean a call may take and still be in time: 2 to 4 in 100 of Azure's take longer. */
const CAREFUL_CALLS = 2.5;

/** null = some class could run at no time. */
export function programOf(attempt: Attempt): StagedProgram | null {
  const { limits, timeMs, watched, unitMs, classes, how, late } = attempt;
  const starts = classes.flatMap((each) => {
    if (!watched.has(each.id)) return [];
    return [lastStartMs(each, how === 'careful' && !savesTime(each) ? CAREFUL_CALLS : 1)];
  });
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

export const savesTime = ({ objective }: JobClass): boolean => objective !== 'cost';
