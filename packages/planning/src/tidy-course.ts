/** Makes of a program's solution a course that can be followed. */
import type { Course, Step } from './course.ts';
import { type Arc, opensMs } from './limits.ts';
import { dearArcs } from './prices.ts';

/** Less than these of a class or of a job is what rounding left. */
const CRUMB_SHARE = 1e-5;
const CRUMB_JOBS = 1e-3;

/** Puts crumbs to the class's other steps: a step of a thousandth of a job would make a class seem late. */
export function withoutCrumbs(course: Course): Course {
  const { arcs } = course.limits;
  const sums = new Map<Arc['jobClass'], number>();
  const kept = arcs.map(({ jobClass }, index) => {
    const crumb = Math.min(CRUMB_JOBS, 0.01 * jobClass.jobs) + CRUMB_SHARE * jobClass.jobs;
    const steps = (course.steps[index] ?? []).filter(({ jobs }) => jobs > crumb);
    for (const { jobs } of steps) sums.set(jobClass, (sums.get(jobClass) ?? 0) + jobs);
    return steps;
  });
  const steps = kept.map((own, index) => {
    const { jobClass } = arcs[index] as Arc;
    const factor = jobClass.jobs / (sums.get(jobClass) ?? jobClass.jobs);
    return own.map((step) => ({ ...step, jobs: step.jobs * factor }));
  });
  return ended({ ...course, steps });
}

/**
 * Ends what need not take its whole stage. Where of a limit a part φ is used in a stage, all that draws on it may go 1/φ
 * times as fast there; each pair goes as fast as its fullest limit lets it, so that none is ever exceeded. What saves
 * money takes its whole stage where it is dear: much of what makes the dear one necessary is only estimated, and each
 * call that is made there later is made with better knowledge.
 */
export function hastened(course: Course): Course {
  const { arcs, limits } = course.limits;
  const dear = dearArcs(arcs);
  const ends = new Map<number, number>();
  for (const { fromMs, untilMs } of course.steps.flat()) ends.set(untilMs, fromMs);
  let { steps } = course;
  for (const [untilMs, fromMs] of ends) {
    const fullAt = arcs.map(() => fromMs);
    const jobsOf = course.steps.map((own) => stepUntil(own, untilMs)?.jobs ?? 0);
    for (const { start, perMs, uses } of limits) {
      const taken = uses.reduce(
        (sum, { arc, perJob }) => sum + perJob * (jobsOf[arc] as number),
        0,
      );
      const beyond = Math.max(0, taken - (fromMs === 0 ? Math.max(0, start) : 0));
      const opens = taken > 0 ? Math.max(fromMs, opensMs({ start, perMs })) : fromMs;
      const at = perMs > 0 ? Math.min(untilMs, opens + beyond / perMs) : fromMs;
      for (const { arc } of uses) fullAt[arc] = Math.max(fullAt[arc] as number, at);
    }
    steps = steps.map((own, index) =>
      own.map((step) =>
        step.untilMs === untilMs && step.fromMs === fromMs && !dear[index]
          ? { ...step, untilMs: fullAt[index] as number }
          : step,
      ),
    );
  }
  return ended({ ...course, steps });
}

const stepUntil = (steps: readonly Step[] | undefined, untilMs: number): Step | undefined =>
  steps?.find((step) => step.untilMs === untilMs);

/** Ends when its last step does. */
export const ended = (course: Course): Course => ({
  ...course,
  endMs: course.steps.reduce((end, own) => Math.max(end, own.at(-1)?.untilMs ?? 0), 0),
});
