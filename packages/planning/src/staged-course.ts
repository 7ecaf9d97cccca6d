/**
 * The course where deadlines or prices count: what `staged-goals` wants, in the smallest program that can answer. First
 * in order, everything in time and what is to save time first; where that cannot be, with what is late set apart.
 */
import type { CourseResult } from './course.ts';
import type { Arc } from './limits.ts';
import { solveInOrder } from './solver.ts';
import { type Attempt, programOf, savesTime, type StagedNeeds } from './staged-attempt.ts';
import { goalsOf, latenessOf, weigh } from './staged-goals.ts';
import type { StagedProgram } from './staged-program.ts';
import { courseOf, type Ordered } from './staged-solution.ts';

/** Below this mean lateness a plan is in time. */
const IN_TIME_MS = 1;

/** The smallest program that can answer is asked first. */
export async function stagedCourse(needs: StagedNeeds): Promise<CourseResult> {
  const classes = [...new Set(needs.limits.arcs.map(({ jobClass }) => jobClass))];
  const dawdles = classes.some((each) => !savesTime(each) && needs.watched.has(each.id));
  for (const how of dawdles ? (['careful', 'ordered'] as const) : (['ordered'] as const)) {
    const inTime = await courseBy({ ...needs, classes, how, late: new Set() });
    if (inTime !== null) return inTime;
  }
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
  if (attempt.how !== 'loose' && isHurried(program, solution)) return null;
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
/** What is to save time was held to an end that the order of stages alone set. */
function isHurried({ stages, endColumns, unitMs }: StagedProgram, { columns }: Ordered): boolean {
  const time = stages.findIndex(({ end }) => end === 'time');
  const next = stages[time + 1];
  if (time < 0 || next?.end !== 'fixed') return false;
  const endMs = (columns[endColumns[time] as number] as number) * unitMs;
  return endMs > next.endMs * (1 - 1e-6);
}
