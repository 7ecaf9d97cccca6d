/**
 * How far a plan has been followed. Each pair (class × deployment) has a course, so many calls by such a time; where its
 * next call stands on that course, in the plan's time, makes pairs of any size and speed comparable.
 */
import type { Step } from './course.ts';
import type { Plan } from './plan.ts';

/** Belongs to one caller; changed by `placed`. */
export interface Pace {
  /** By deployment, then class; also those without a quota. */
  readonly deployments: ReadonlyMap<string, PacedDeployment>;
  readonly classes: ReadonlyMap<string, PacedClass>;
}

export interface PacedDeployment {
  readonly id: string;
  /** Those with a quota. */
  readonly planned: PacedPair[];
  readonly all: PacedPair[];
  /** Deployments that share a budget with it. */
  readonly sharing: readonly string[];
  /** The plan's time it has come to, ms. */
  reachedMs: number;
}

export interface PacedClass {
  readonly id: string;
  readonly finishMs: number;
  readonly pairs: PacedPair[];
  /** Jobs of its quotas not yet placed, wherever they were placed. */
  left: number;
}

export interface PacedPair {
  readonly class: PacedClass;
  readonly deployment: PacedDeployment;
  readonly quota: number;
  readonly latencyMs: number;
  /** It waits for its time, see the plan. */
  readonly held: boolean;
  readonly steps: readonly Step[];
  /** Placed since the plan. */
  done: number;
  /** The part of a job that it was behind when the plan was made; below 0: ahead. */
  credit: number;
}

/** What is left of quotas below this is rounding. */
const NOTHING_LEFT = 1e-6;

/** The plan at its beginning. */
export function startPace(plan: Plan): Pace {
  const deployments = new Map<string, PacedDeployment>();
  const classes = new Map<string, PacedClass>();
  for (const { class: classId, deployment: id, jobs, latencyMs, held, steps } of plan.pairs) {
    const deployment = deployments.get(id) ?? {
      id,
      planned: [],
      all: [],
      sharing: plan.sharing[id] ?? [],
      reachedMs: 0,
    };
    deployments.set(id, deployment);
    const finishMs = plan.finishMs[classId] ?? 0;
    const jobClass = classes.get(classId) ?? { id: classId, finishMs, pairs: [], left: 0 };
    classes.set(classId, jobClass);
    const pair: PacedPair = {
      class: jobClass,
      deployment,
      quota: jobs,
      latencyMs,
      held,
      steps,
      done: 0,
      credit: 0,
    };
    jobClass.left += jobs;
    jobClass.pairs.push(pair);
    deployment.all.push(pair);
    if (jobs > 0) deployment.planned.push(pair);
  }
  return { deployments, classes };
}

/** By deployment and class, the part of a job that a pair is behind (above 0) or ahead. */
export type Behind = ReadonlyMap<string, ReadonlyMap<string, number>>;

/**
 * What the next plan cannot count: it is made for what is left now, in whole jobs. `atMs`: the time of the plan that it is,
 * ms, which held pairs go by; the others go by how far their deployment has come.
 */
export const behindOf = (pace: Pace, atMs: number): Behind =>
  new Map(
    [...pace.deployments.values()].map(({ id, planned, reachedMs }) => [
      id,
      new Map(
        planned.map((pair) => {
          const behind = dueJobs(pair, pair.held ? atMs : reachedMs);
          return [pair.class.id, Math.min(1, Math.max(-1, behind))];
        }),
      ),
    ]),
  );

/**
 * The new plan, with what it cannot count of the one before: so a pair with one job a minute gets it, and no more, though
 * plans come every few seconds. `behind`: as it was when the plan's jobs were counted; what was placed since is to be
 * {@link placed} in it.
 */
export function replan(behind: Behind, plan: Plan): Pace {
  const next = startPace(plan);
  for (const { id, planned } of next.deployments.values())
    for (const pair of planned) pair.credit = behind.get(id)?.get(pair.class.id) ?? 0;
  return next;
}

/** Jobs by which the pair is behind at that time of the plan; below 0: ahead. */
function dueJobs({ steps, done, credit }: PacedPair, atMs: number): number {
  let due = credit - done;
  for (const { fromMs, untilMs, jobs } of steps) {
    const part = untilMs > fromMs ? (atMs - fromMs) / (untilMs - fromMs) : 1;
    due += jobs * Math.min(1, Math.max(0, part));
  }
  return due;
}

/** So many jobs of the class were placed on the deployment. What the plan does not know is room's business, not its. */
export function placed(pace: Pace, { class: id, deployment }: Pair, jobs: number): void {
  const jobClass = pace.classes.get(id);
  const pair = pairOf(pace, { class: id, deployment });
  if (!jobClass || !pair) return;
  if (pair.quota > 0) {
    const { deployment: at } = pair;
    at.reachedMs = Math.max(at.reachedMs, Math.min(positionMs(pair), jobClass.finishMs));
  }
  pair.done += jobs;
  jobClass.left = Math.max(0, jobClass.left - jobs);
}

const pairOf = ({ classes }: Pace, { class: id, deployment }: Pair): PacedPair | undefined =>
  classes.get(id)?.pairs.find((each) => each.deployment.id === deployment);

/** Jobs that may be placed on the pair together: of a held one those that are due, and at least one. */
export function mostNow(pace: Pace, of: Pair, atMs: number): number {
  const pair = pairOf(pace, of);
  return pair?.held ? Math.max(1, Math.floor(dueJobs(pair, atMs) + 0.5)) : Infinity;
}

export interface Pair {
  class: string;
  deployment: string;
}

/** Whether the plan still wants calls of the pair: quota is left, or the class has more jobs than the plan knew. */
export const isOpen = ({ quota, done, class: { left } }: PacedPair): boolean =>
  quota > 0 && (done < quota - NOTHING_LEFT || left <= NOTHING_LEFT);

/** Whether it may have its next call now: a held one when that is due. */
export const isDue = (pair: PacedPair, atMs: number): boolean =>
  isOpen(pair) && (!pair.held || positionMs(pair) <= atMs);

/** When, by the plan, the middle of the pair's next call is due, ms; beyond its quota, as if it went on like that. */
export function positionMs({ steps, done, credit }: PacedPair): number {
  let ahead = done - credit + 0.5;
  let last: Step | undefined;
  for (const step of steps) {
    last = step;
    if (ahead <= step.jobs) break;
    if (step !== steps.at(-1)) ahead -= step.jobs;
  }
  if (!last) return Infinity;
  return last.fromMs + Math.max(0, ahead / last.jobs) * (last.untilMs - last.fromMs);
}
