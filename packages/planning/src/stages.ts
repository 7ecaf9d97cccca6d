/**
 * Where time is cut for a course with deadlines: a deadline can be kept only by calls that start in a stage that ends
 * early enough. Stages end at a given time, or at one that the program finds.
 */
import type { JobClass } from './problem.ts';

export type Stage =
  | { end: 'fixed'; endMs: number }
  /** `late`: by then what misses its deadline has run · `time`: and what is to save time · `rest`: and everything. */
  | { end: 'late' | 'time' | 'rest' };

/** Deadlines looked at one by one; more are taken together, at the earlier. They part again as they come nearer. */
export const MOST_DEADLINES = 3;
/** Last starts this near to each other are one. */
const SAME_RATIO = 1.1;

/**
 * When the last call of a class must have started, ms; 0 = it cannot be in time. Calls to deployments slower than that
 * allows for do not count as in time: waiting for them would cost the others more than it brings. `calls`: for how many
 * mean calls, one after the other, there is to be time.
 */
export function lastStartMs(jobClass: JobClass, calls = 1): number {
  const deadlineInMs = jobClass.deadlineInMs ?? Infinity;
  return Math.max(0, deadlineInMs - calls * Math.max(...usualLatencies(jobClass)));
}

/**
 * When the last calls to the slower deployments must have started that {@link lastStartMs} does not allow for, ms; empty =
 * to none of them a call could be in time. Where the others cannot keep the deadline, these might.
 */
export function slowStartMs(jobClass: JobClass): number[] {
  const deadlineInMs = jobClass.deadlineInMs ?? Infinity;
  const usual = Math.max(...usualLatencies(jobClass));
  return latenciesOf(jobClass)
    .filter((each) => each > usual && each < deadlineInMs)
    .map((each) => deadlineInMs - each);
}

const latenciesOf = ({ deployments }: JobClass): number[] =>
  Object.values(deployments).map(({ latencyMs }) => latencyMs);

/** Of deployments for whose calls a class can be expected to leave time: at least those half as fast again as the fastest. */
function usualLatencies(jobClass: JobClass): number[] {
  const latencies = latenciesOf(jobClass);
  const allowed = Math.max(1.5 * Math.min(...latencies), (jobClass.deadlineInMs ?? Infinity) / 4);
  return latencies.filter((each) => each <= allowed);
}

/**
 * Stages for these last starts (any order) when what is to save time needs `timeMs` at least; null = nothing has to save
 * time. `lateAfter`: how many of these starts come before the end of what must run late, null = nothing must; `rest`: whether
 * there is to be time after all of them.
 */
export function stagesOf(
  lastStarts: readonly number[],
  { timeMs, lateAfter, rest }: { timeMs: number | null; lateAfter: number | null; rest: boolean },
): Stage[] {
  const ends = merged(lastStarts.filter((each) => each > 0 && Number.isFinite(each)));
  const isBefore = (endMs: number) => timeMs === null || endMs <= timeMs;
  const before: Stage[] = ends.filter(isBefore).map(fixed);
  if (lateAfter !== null) before.splice(lateAfter, 0, { end: 'late' });
  return [
    ...before,
    ...(timeMs === null ? [] : [{ end: 'time' as const }]),
    ...ends.filter((endMs) => !isBefore(endMs)).map(fixed),
    ...(rest ? [{ end: 'rest' as const }] : []),
  ];
}

const fixed = (endMs: number): Stage => ({ end: 'fixed', endMs });

/** The nearest two become one, at the earlier, until few enough are left and none are as good as the same. */
function merged(lastStarts: readonly number[]): number[] {
  const ends = [...new Set(lastStarts)].toSorted((a, b) => a - b);
  while (ends.length > 1) {
    const ratio = (at: number) => (ends[at] as number) / (ends[at - 1] as number);
    let nearest = 1;
    for (let at = 2; at < ends.length; at += 1) if (ratio(at) < ratio(nearest)) nearest = at;
    if (ends.length <= MOST_DEADLINES && ratio(nearest) > SAME_RATIO) break;
    ends.splice(nearest, 1);
  }
  return ends;
}

/** When each stage ends at the latest: where its end is found, not after the next that is given. */
export function latestEnds(stages: readonly Stage[]): number[] {
  let next = Infinity;
  return stages
    .toReversed()
    .map((stage) => (next = stage.end === 'fixed' ? stage.endMs : next))
    .toReversed();
}

/** Calls that would answer this much after a deadline are in time, ms. */
export const ROUNDING_MS = 1e-6;
