/** What must hold of every run, whatever its scenario (docs/guarantees.md). Each check throws what it found. */
import assert from 'node:assert/strict';
import type { Budget, Deployment, Fleet } from '@sluice/job';
import type { WindowKind } from '@sluice/windows';
import { Engine } from './engine.ts';
import type { Run, Start } from './run.ts';
import type { Job, Scenario } from './scenario.ts';
import type { Task } from './task.ts';

export interface Watched {
  run: Run;
  starts: readonly Start[];
  /** How often each job ended. */
  ends: ReadonlyMap<Task, number>;
}

export async function watched(scenario: Scenario): Promise<Watched> {
  const starts: Start[] = [];
  const ends = new Map<Task, number>();
  const engine = new Engine(scenario, {
    started: (start) => starts.push(start),
    ended: (task) => ends.set(task, (ends.get(task) ?? 0) + 1),
  });
  return { run: await engine.run(), starts, ends };
}

/** Every job ends once; its calls are those that failed and the one that was answered; none begins after its deadline. */
export function endsOnce({ run, starts, ends }: Watched): void {
  for (const task of run.tasks) {
    const { end, calls, attempts, deadlineAt, index } = task;
    assert.equal(ends.get(task), 1, `ends of job ${index}`);
    const answered = end?.kind === 'succeeded' ? 1 : 0;
    assert.equal(calls, attempts.length + answered, `calls of job ${index}`);
    assert.equal(starts.filter((start) => start.task === task).length, calls);
    assert.ok(end && (end.kind !== 'expired' || end.at >= deadlineAt - 1 || attempts.length > 0));
  }
  for (const { task, at } of starts)
    assert.ok(at < task.deadlineAt, `job ${task.index} began at ${at}, due at ${task.deadlineAt}`);
}

/** No call to who takes none: paused, blocked, its breaker open, of weight 0; and none that the job may not use. */
export function callsWhoTakesCalls({ fleet }: Scenario, { starts }: Watched): void {
  for (const { deployment, at, stands, task } of starts) {
    const { weight } = fleet.deployments.get(deployment) as Deployment;
    const what = `call of job ${task.index} to ${deployment} at ${at}`;
    assert.ok(['active', 'half_open'].includes(stands.state), `${what}: ${stands.state}`);
    assert.ok(weight > 0, `${what}: weight 0`);
  }
}

/** Nothing starts while an operator has paused it. (Of two pauses that overlap the end of one is the end of both: left out.) */
export function respectsPauses({ wishes = [] }: Scenario, { starts }: Watched): void {
  for (const { deployment, fromMs, toMs } of wishes) {
    const alone = wishes.filter((each) => each.deployment === deployment).length === 1;
    const during = starts.filter((start) => start.deployment === deployment && start.at > fromMs);
    const first = during.find(({ at }) => at < toMs);
    assert.ok(
      !alone || !first,
      `called ${deployment} at ${first?.at}, paused ${fromMs} to ${toMs}`,
    );
  }
}

const DAY_MS = 86_400_000;
/** Burst, and what was booked too much set off later: ms of rate (packages/budget, KNOWN_WINDOW). */
const BURST_MS = { rpm: 500, tokens: 1_000 };
const TOLERANCE = 1e-6;

type Paced = 'rpm' | 'tpm' | 'itpm';

/**
 * In no stretch of time more than burst + rate × time of what is configured, by what is known of a call when it starts; and no
 * day has more requests than it may.
 */
export function spendsNoMore(scenario: Scenario, { starts }: Watched): void {
  for (const budget of scenario.fleet.budgets.values()) {
    const own = starts.filter(({ deployment }) => drawsOn(scenario.fleet, deployment, budget));
    for (const dimension of ['rpm', 'tpm', 'itpm'] as const)
      if (isKnown(scenario.fleet, budget, dimension)) checkPace(budget, dimension, own, scenario);
    checkDay(budget, own);
  }
}

const drawsOn = ({ deployments }: Fleet, id: string, budget: Budget): boolean =>
  deployments.get(id)?.budgets.includes(budget.id) === true;

/** Tokens that are charged as they are produced are not known when a call starts. */
const isKnown = ({ deployments }: Fleet, budget: Budget, dimension: Paced): boolean =>
  dimension !== 'tpm' ||
  [...deployments.values()].every(
    ({ budgets, accounting }) => !budgets.includes(budget.id) || accounting.output === 'max_tokens',
  );

function checkPace(
  budget: Budget,
  dimension: Paced,
  starts: readonly Start[],
  { fleet }: Scenario,
): void {
  const limit = budget.limits[dimension];
  if (limit === undefined || starts.length === 0) return;
  const perMs = limit / 60_000;
  const costs = starts.map((start) => costOf(fleet, start, dimension));
  const largest = costs.reduce((most, cost) => Math.max(most, cost), 0);
  const burst = Math.max(largest, perMs * (dimension === 'rpm' ? BURST_MS.rpm : BURST_MS.tokens));
  const least = dimension === 'rpm' ? burst : burst + largest;
  // The level of a bucket that leaks at the rate: the most that any stretch ending here has had beyond it.
  let [level, before] = [0, 0];
  starts.forEach(({ at }, i) => {
    level = Math.max(0, level - perMs * (at - before)) + (costs[i] as number);
    before = at;
    const what = `${dimension} of ${budget.id} at ${at}: ${level} beyond its rate of ${limit}`;
    assert.ok(level <= least + TOLERANCE, `${what}, burst ${least}`);
  });
}

function costOf({ deployments }: Fleet, { deployment, task }: Start, dimension: Paced): number {
  if (dimension === 'rpm') return 1;
  return tokensOf(deployments.get(deployment) as Deployment, task.job, dimension);
}

const tokensOf = (
  { defaultMaxTokens }: Deployment,
  { inputTokens, maxOutput }: Job,
  dimension: Paced,
): number => inputTokens + (dimension === 'tpm' ? (maxOutput ?? defaultMaxTokens) : 0);

function checkDay({ id, limits: { rpd } }: Budget, starts: readonly Start[]): void {
  if (rpd === undefined) return;
  starts.forEach(({ at }, i) => {
    const first = starts[i - rpd];
    assert.ok(!first || at - first.at >= DAY_MS, `${rpd + 1} requests to ${id} within a day`);
  });
}

/** Windows that forget all at once, ms; a bucket has room for our burst, and for one call dearer than that. */
const COUNTED_MS: Partial<Record<WindowKind, number>> = {
  fixed_10s: 10_000,
  fixed_minute: 60_000,
  sliding_60s: 60_000,
};

/**
 * Whether pacing promises that the provider refuses nothing: what calls cost is known when they start, and in its windows there is
 * room beside the pace for the burst, which is one call at least. (Of a limit of 59 a minute ten seconds have 9.8: ten calls at a
 * pace of 56 a minute may fall into them. Of a minute's tokens 0.9 s are spare: a call that takes more may find too little.)
 */
export const keepsWithin = (scenario: Scenario): boolean =>
  [...scenario.fleet.budgets.values()].every((budget) => {
    const member = [...scenario.fleet.deployments.values()].find(({ budgets }) =>
      budgets.includes(budget.id),
    );
    const windowMs = COUNTED_MS[scenario.behaviours.get(member?.id ?? '')?.window ?? 'bucket_1s'];
    const dimensions = ['tpm', 'itpm'] as const;
    return (
      (budget.limits.tpm === undefined || isKnown(scenario.fleet, budget, 'tpm')) &&
      (windowMs === undefined ||
        (hasRoomForRequests(scenario, budget, windowMs) &&
          dimensions.every((each) => hasRoomForTokens(scenario, budget, { each, windowMs }))))
    );
  });

function hasRoomForRequests({ settings }: Scenario, { limits }: Budget, windowMs: number): boolean {
  const whole = ((limits.rpm ?? 0) * windowMs) / 60_000;
  return limits.rpm === undefined || Math.floor(settings.pacing.share * whole) + 1 <= whole;
}

function hasRoomForTokens(
  { fleet, jobs, settings }: Scenario,
  { id, limits }: Budget,
  { each, windowMs }: { each: 'tpm' | 'itpm'; windowMs: number },
): boolean {
  const limit = limits[each];
  if (limit === undefined) return true;
  const drawing = [...fleet.deployments.values()].filter(({ budgets }) => budgets.includes(id));
  const costs = drawing.flatMap((deployment) => jobs.map((job) => tokensOf(deployment, job, each)));
  const spare = ((1 - settings.pacing.share) * windowMs * limit) / 60_000;
  return costs.every((cost) => cost <= spare);
}
