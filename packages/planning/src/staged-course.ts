/**
 * The course where deadlines or prices count: what `staged-goals` wants, in the smallest program that can answer. First
 * in order, everything in time and what is to save time first; where that cannot be, with what is late set apart.
 */
import type { CourseResult } from './course.ts';
import type { Arc } from './limits.ts';
import { findLate, IMPOSSIBLE, isLateBy } from './late-classes.ts';
import { sharedCourse, type Span } from './shared-course.ts';
import { solveInOrder } from './solver.ts';
import { inTimeBy, NOTHING_LATE, programOf, savesTime } from './staged-attempt.ts';
import type { Attempt, StagedNeeds } from './staged-attempt.ts';
import { goalsOf } from './staged-goals.ts';
import type { StagedProgram } from './staged-program.ts';
import { courseOf, endsOf, isPressed, type Ordered } from './staged-solution.ts';
import { slowStartMs } from './stages.ts';
import { hastened } from './tidy-course.ts';

/** How many times as long as the mean a call may take and still be in time: 2 to 4 in 100 of Azure's take longer. */
const CAREFUL_CALLS = 2.5;

/**
 * The smallest program that can answer is asked first. `tight`: some deadline might not be met; whether it can is then
 * asked before anything else, where the classes that have one are few.
 */
export async function stagedCourse(needs: StagedNeeds, tight: boolean): Promise<CourseResult> {
  const classes = [...new Set(needs.limits.arcs.map(({ jobClass }) => jobClass))];
  const ordered = { ...needs, classes, how: 'ordered' as const, patient: false };
  const dawdles = classes.some((each) => !savesTime(each) && needs.watched.has(each.id));
  const asksFirst = tight && 2 * needs.watched.size <= classes.length;
  for (const calls of dawdles ? [CAREFUL_CALLS, 1] : [1]) {
    if (asksFirst && (await isLateBy(needs, calls))) continue;
    const course = await courseBy({ ...ordered, calls, late: NOTHING_LATE });
    if (course !== null) return course;
  }
  const found = await findLate(needs);
  if (found.kind === 'failed') return found;
  const patient = { ...ordered, calls: 1, patient: true };
  const { late } = found;
  const isNew = late.ids.size > 0 || classes.some((each) => slowStartMs(each).length > 0);
  return (
    (isNew ? await courseBy({ ...patient, late }) : null) ??
    (await courseBy({
      ...patient,
      how: 'loose',
      late: { ...NOTHING_LATE, ids: late.ids },
    })) ?? { kind: 'failed', reason: IMPOSSIBLE }
  );
}

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
  const course = courseOf(program, solution, told);
  const shared = await sharedCourse(course, spansOf(program, solution, attempt));
  return { kind: 'solved', course: hastened(shared) };
}

/** The stages, and who may run in each: nobody is to be late for being the same as another who is not. */
function spansOf(program: StagedProgram, { columns }: Ordered, attempt: Attempt): Span[] {
  const ends = endsOf(program, columns);
  const isInTime = inTimeBy(program.stages, attempt);
  return ends.map((untilMs, stage) => ({
    fromMs: ends[stage - 1] ?? 0,
    untilMs,
    mayRun: (index) => {
      const arc = program.arcs[index] as Arc;
      const column = program.columns[stage * program.arcs.length + index] as number;
      return column >= 0 && !attempt.late.ids.has(arc.jobClass.id) && isInTime(arc, stage);
    },
  }));
}

/** What is to save time was held to an end that the order of stages alone set. */
function isHurried(program: StagedProgram, { columns }: Ordered): boolean {
  const { stages, endColumns, unitMs } = program;
  const time = stages.findIndex(({ end }) => end === 'time');
  if (time < 0) return false;
  return isPressed(program, time, (columns[endColumns[time] as number] as number) * unitMs);
}
