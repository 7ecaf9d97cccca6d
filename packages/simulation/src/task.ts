/** A job on its way through the simulation. */
import { lotOf, lotOfLine } from '@sluice/balancing';
import type { Attempt, Priority, Shape } from '@sluice/job';
import type { Job } from './scenario.ts';

export type TaskEnd = 'succeeded' | 'failed' | 'expired';

export interface Task {
  /** Its place in the scenario. */
  index: number;
  job: Job;
  /** Names the jobs that are alike: what is learnt of one says something of the others. */
  classKey: string;
  /** The same within its tenant: whose answers say how long its own will be. */
  kindKey: string;
  shape: Shape;
  /** What a strategy that keeps jobs to arms draws by. */
  lot: number;
  /** Failed attempts. */
  attempts: Attempt[];
  calls: number;
  exclude: readonly string[];
  minTier: number;
  /** Where too little of a day was left for it, and until when it does not go there again; null = nowhere. */
  shunned: { deployment: string; until: number } | null;
  /** Since when it has waited for a place. */
  waitingSince: number;
  deadlineAt: number;
  firstStartAt: number | null;
  /** Of its newest call. */
  lastStartAt: number | null;
  /** What its tenant was charged for it, in which band, and how many tokens were expected of it. */
  charged: { band: Priority; ms: number; tokens: number } | null;
  end: { kind: TaskEnd; at: number; deployment: string | null } | null;
}

/** Where it shall not go now. */
export const shunnedNow = ({ shunned }: Pick<Task, 'shunned'>, now: number): string | null =>
  shunned !== null && shunned.until > now ? shunned.deployment : null;

/** All jobs, in their order. */
export function tasksOf(jobs: readonly Job[], seed: number): Task[] {
  const lines = new Map<string, number>();
  return jobs.map((job, index) => {
    const classKey = classKeyOf(job);
    const place = lines.get(classKey) ?? 0;
    lines.set(classKey, place + 1);
    const lot =
      job.batch === null ? lotOf(`${seed} ${index}`) : lotOfLine(`${seed} ${classKey}`, place);
    return taskOf(job, { index, classKey, lot });
  });
}

function taskOf(
  job: Job,
  { index, classKey, lot }: Pick<Task, 'index' | 'classKey' | 'lot'>,
): Task {
  const { characters, maxOutput } = job;
  return {
    index,
    job,
    classKey,
    kindKey: `${classKey} ${job.tenant}`,
    shape: { characters, maxOutput, inputs: 1 },
    lot,
    attempts: [],
    calls: 0,
    exclude: [],
    minTier: 1,
    shunned: null,
    waitingSince: job.at,
    deadlineAt: job.at + job.deadlineMs,
    firstStartAt: null,
    lastStartAt: null,
    charged: null,
    end: null,
  };
}

/** Pool, wire formats, batch, and size of input and of the maximum of output. */
function classKeyOf({ pool, eligible, batch, characters, maxOutput }: Job): string {
  const able = eligible === null ? '*' : [...eligible].join(',');
  const most = maxOutput === null ? '-' : sizeOf(maxOutput);
  return `${pool} ${able} ${batch ?? ''} ${sizeOf(characters)} ${most}`;
}

const STEPS_PER_DOUBLING = 2;
/** Steps of half a doubling: lines of one class are alike enough that what is taken of it first is as the rest is. */
export const sizeOf = (amount: number): number =>
  Math.floor(STEPS_PER_DOUBLING * Math.log2(Math.max(1, amount)));
