/**
 * The plan: which class goes where, in which measure, and what comes of it. Deadlines first, then money for the classes
 * of objective `cost`, then time. Without deadlines that bite and without `cost` classes it is the solution of T* itself.
 */
import { assemblePlan, LATE_MS } from './assemble-plan.ts';
import type { Course, CourseResult } from './course.ts';
import { evenCourse } from './even-course.ts';
import { letThroughBy, untilOthersEnd, withAllHeld } from './let-through.ts';
import { limitsOf } from './limits.ts';
import { partsOf, placeable } from './parts.ts';
import type { Planned } from './plan.ts';
import { type DrainProblem, type JobClass, mistakeIn } from './problem.ts';
import { stagedCourse } from './staged-course.ts';

/** How often deadlines that a plan turned out to miss are looked at more closely. */
const MOST_LOOKS = 3;

/**
 * Plans what can be planned; classes that nothing can run now are named in `unplaced`. `failed`: the problem is malformed
 * or the solver gave up; then there is no plan and room alone decides.
 */
export async function makePlan(problem: DrainProblem): Promise<Planned> {
  const mistake = mistakeIn(problem);
  if (mistake !== null) return { kind: 'failed', reason: mistake };
  const { problem: possible, unplaced } = placeable(problem);
  const courses: Course[] = [];
  for (const part of partsOf(possible)) {
    const result = await courseOf(part);
    if (result.kind === 'failed') return result;
    courses.push(result.course);
  }
  return { kind: 'solved', plan: assemblePlan(possible, courses, unplaced) };
}

async function courseOf(part: DrainProblem): Promise<CourseResult> {
  const even = await evenCourse(limitsOf(part));
  if (even.kind === 'failed') return even;
  const through = letThroughBy(even.course);
  if (through.size === 0) return watchedCourse(part, even);
  const result = await watchedCourse(untilOthersEnd(part, through), even);
  if (result.kind === 'failed' || result === even) return result;
  return { kind: 'solved', course: withAllHeld(result.course, even.course, through) };
}

/** The even course where nothing more is wanted, else one in stages. */
async function watchedCourse(
  part: DrainProblem,
  even: Extract<CourseResult, { kind: 'solved' }>,
): Promise<CourseResult> {
  const limits = limitsOf(part);
  const byCost = part.classes.filter(({ objective }) => objective === 'cost');
  const missed = missedBy(even.course, part);
  let watched = new Set([...byCost.filter(hasDeadline).map(({ id }) => id), ...missed]);
  if (byCost.length === 0 && watched.size === 0) return even;

  const timeMs = await timeAlone(part, even.course);
  const about = {
    limits,
    idealMs: even.course.idealMs,
    fleetMs: even.course.fleetMs,
    timeMs,
    unitMs: Math.max(1, even.course.endMs),
  };
  const tight = missed.size > 0;
  let result = await stagedCourse({ ...about, watched }, tight);
  for (let look = 1; look < MOST_LOOKS && result.kind === 'solved'; look += 1) {
    const closer = new Set([...watched, ...missedBy(result.course, part)]);
    if (closer.size === watched.size) break;
    watched = closer;
    result = await stagedCourse({ ...about, watched }, true);
  }
  return result;
}

const hasDeadline = ({ deadlineInMs }: JobClass): boolean =>
  deadlineInMs !== undefined && deadlineInMs !== null;

/** The least time that the classes to save time need when those to save money wait; null = there are none. */
async function timeAlone(part: DrainProblem, even: Course): Promise<number | null> {
  const classes = part.classes.filter(({ objective }) => objective !== 'cost');
  if (classes.length === 0) return null;
  if (classes.length === part.classes.length) return even.endMs;
  const alone = await evenCourse(limitsOf({ ...part, classes }));
  return alone.kind === 'solved' ? alone.course.endMs : even.endMs;
}

/** Ids of the classes that the course would end after their deadline, as the problem says them. */
function missedBy({ limits, steps }: Course, { classes }: DrainProblem): Set<string> {
  const missed = new Set<string>();
  const due = new Map(classes.map(({ id, deadlineInMs }) => [id, deadlineInMs ?? Infinity]));
  for (const [index, { jobClass, placement }] of limits.arcs.entries()) {
    const last = steps[index]?.at(-1);
    const endMs = last ? last.untilMs + placement.latencyMs : 0;
    if (endMs > (due.get(jobClass.id) ?? Infinity) + LATE_MS) missed.add(jobClass.id);
  }
  return missed;
}
