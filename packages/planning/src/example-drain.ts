/**
 * A drain in virtual time for the tests of pacing: jobs of real sizes over budgets that fill steadily. Calls are booked
 * up to `AHEAD_MS` before their budgets allow them, as placement does; they take no time themselves.
 */
import type { Pair } from './pace.ts';
import type { PaceFacts } from './pacing.ts';
import { type Cost, type DrainProblem, type PlannedRate, unitsOf } from './problem.ts';

export interface DrainJob {
  class: string;
  cost: Cost;
}

const AHEAD_MS = 1_000;
const TICK_MS = 100;

/** A rate of a budget, and when the calls booked on it are paid for. */
interface Meter {
  rate: PlannedRate;
  paidAtMs: number;
}

/**
 * When the last call starts, ms; null = after `longestMs` something still waited. `next` says where a job goes, or null
 * when none may go anywhere now.
 */
export function drain(
  problem: DrainProblem,
  jobs: readonly DrainJob[],
  about: { longestMs: number; next: (facts: PaceFacts, now: number) => Pair | null },
): number | null {
  const queues = queuesOf(jobs);
  const meters = metersOf(problem);
  let waiting = jobs.length;
  let lastMs = 0;
  for (let now = 0; now <= about.longestMs; now += TICK_MS) {
    const facts: PaceFacts = {
      hasRoom: (_class, deployment) =>
        (meters.get(deployment) ?? []).every(({ paidAtMs }) => paidAtMs <= now + AHEAD_MS),
      waiting: (id) => queues.get(id)?.length ?? 0,
      own: () => true,
      atMs: now,
    };
    for (let pair = about.next(facts, now); pair !== null; pair = about.next(facts, now)) {
      const job = queues.get(pair.class)?.pop();
      if (!job) throw new Error(`nothing of ${pair.class} waits`);
      lastMs = Math.max(lastMs, book(meters.get(pair.deployment) ?? [], job.cost, now));
      waiting -= 1;
    }
    if (waiting === 0) return lastMs;
  }
  return null;
}

/** First come, first served: popped from the end. */
function queuesOf(jobs: readonly DrainJob[]): Map<string, DrainJob[]> {
  const queues = new Map<string, DrainJob[]>();
  for (const job of jobs.toReversed()) {
    const queue = queues.get(job.class);
    if (queue) queue.push(job);
    else queues.set(job.class, [job]);
  }
  return queues;
}

function metersOf({ budgets, deployments }: DrainProblem): Map<string, Meter[]> {
  const byBudget = new Map(
    budgets.map(({ id, rates }) => [
      id,
      rates.map((rate): Meter => ({ rate, paidAtMs: -rate.burst / rate.perMs })),
    ]),
  );
  return new Map(
    deployments.map(({ id, budgets: drawn }) => [
      id,
      drawn.flatMap((each) => byBudget.get(each) ?? []),
    ]),
  );
}

/** Pays for a call with every rate; when all of it is paid and the call may start. */
function book(meters: readonly Meter[], cost: Cost, now: number): number {
  let startMs = now;
  for (const meter of meters) {
    const { rate } = meter;
    const earliest = now - rate.burst / rate.perMs;
    meter.paidAtMs =
      Math.max(meter.paidAtMs, earliest) + unitsOf(cost, rate.dimension) / rate.perMs;
    startMs = Math.max(startMs, meter.paidAtMs);
  }
  return startMs;
}
