/**
 * A problem with deadlines beside tenants with limits of their own. Stages know no pace: what such limits would hold longer
 * than the others need stands in them with what is let through until these end, and without a deadline, which it keeps or
 * misses by its tenant's limits whatever the plan does.
 */
import type { Course } from './course.ts';
import type { Arc } from './limits.ts';
import type { DrainProblem, JobClass } from './problem.ts';
import { ended } from './tidy-course.ts';

/** By class id, the part that is let through until the others end; what is not in it is not held. */
export type LetThrough = ReadonlyMap<string, number>;

/** By the even course of all. Nothing where money is saved: that takes its time, and what the held ones take in all of it counts. */
export function letThroughBy({ limits, steps }: Course): LetThrough {
  if (limits.arcs.some(({ jobClass }) => jobClass.objective === 'cost')) return new Map();
  const endOf = (index: number): number => steps[index]?.at(-1)?.untilMs ?? 0;
  const held = new Set<JobClass>();
  for (const [index, { jobClass }] of limits.arcs.entries())
    if (jobClass.shaped && endOf(index) >= jobClass.shaped.ms) held.add(jobClass);
  const ends = limits.arcs.map(({ jobClass }, index) => (held.has(jobClass) ? 0 : endOf(index)));
  const freeMs = Math.max(0, ...ends);
  if (freeMs === 0) return new Map();
  return new Map(
    [...held].map(({ id, shaped }) => [id, Math.min(1, freeMs / (shaped?.ms ?? freeMs))]),
  );
}

/** The problem until the others end. */
export const untilOthersEnd = (part: DrainProblem, through: LetThrough): DrainProblem => ({
  ...part,
  classes: part.classes.map((one) => {
    const share = through.get(one.id);
    return share === undefined
      ? one
      : { ...one, jobs: one.jobs * share, deadlineInMs: null, shaped: null };
  }),
});

/** The course with all of what is held in it, at its pace: where the part goes that is let through meanwhile. */
export function withAllHeld(course: Course, { limits }: Course, through: LetThrough): Course {
  const jobsOn = (index: number): number =>
    (course.steps[index] ?? []).reduce((sum, { jobs }) => sum + jobs, 0);
  const sums = new Map<string, number>();
  for (const [index, { jobClass }] of course.limits.arcs.entries())
    sums.set(jobClass.id, (sums.get(jobClass.id) ?? 0) + jobsOn(index));
  const steps = course.steps.map((own, index) => {
    const { jobClass } = limits.arcs[index] as Arc;
    const sum = sums.get(jobClass.id) ?? 0;
    if (!through.has(jobClass.id) || own.length === 0 || sum === 0) return own;
    const jobs = (jobClass.jobs * jobsOn(index)) / sum;
    const untilMs = jobClass.shaped?.ms ?? 0;
    return [{ fromMs: Math.min(own[0]?.fromMs ?? 0, untilMs), untilMs, jobs }];
  });
  return ended({ ...course, limits, steps });
}
