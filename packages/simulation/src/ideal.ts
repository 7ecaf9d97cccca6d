/**
 * T*: how fast these jobs could be drained at best by somebody who knew everything: the true limits, without margin, those of
 * the tenants, too, and the length of every answer. Jobs are put into classes of nearly the same size, for the linear program.
 */
import type { Budget, Deployment, Fleet } from '@sluice/job';
import { idealByDays } from '@sluice/planning';
import type { DrainProblem, JobClass, PlannedRate } from '@sluice/planning';
import type { WindowKind } from '@sluice/windows';
import { dayLimits } from './day-limits.ts';
import type { Run } from './run.ts';
import { grouped } from './grouped.ts';
import { chargedFor, classesOf, placesIn, quickestMs } from './ideal-classes.ts';
import { behaviourOf, trueLimits } from './providers.ts';
import type { Behaviour, Job, Scenario } from './scenario.ts';
import type { Task } from './task.ts';

const WINDOW_MS: Record<WindowKind, number> = {
  bucket_1s: 1_000,
  bucket_10s: 10_000,
  bucket_60s: 60_000,
  fixed_10s: 10_000,
  fixed_minute: 60_000,
  sliding_60s: 60_000,
};

/**
 * Ms from the first arrival to the last end, at least, of all jobs but those that failed; null when no time is enough (a
 * pool without a deployment) or the solver failed. A run that answered them all was no faster. Jobs that arrive late
 * cannot end before they have arrived.
 */
export async function idealMs(scenario: Scenario, run: Pick<Run, 'tasks'>): Promise<number | null> {
  const tasks = run.tasks.filter(({ end }) => end?.kind !== 'failed');
  if (tasks.length === 0) return run.tasks.length === 0 ? 0 : null;
  const placesOf = placesIn(scenario, tasks);
  const { classes, exact } = classesOf(scenario, tasks, placesOf);
  const limits = limitsOf(
    scenario,
    run.tasks.map(({ job }) => job),
  );
  const days = dayLimits(scenario.fleet, tasks, { exact });
  const solved = await idealByDays({ classes, ...limits }, days);
  if (solved.kind !== 'solved') return null;
  let [quickest, lastEnd] = [Infinity, 0];
  for (const task of tasks) {
    const ms = quickestMs(scenario, task.job, placesOf(task));
    quickest = Math.min(quickest, ms);
    lastEnd = Math.max(lastEnd, task.job.at + ms);
  }
  const shaped = shapedEnd(scenario, tasks, (task) =>
    quickestMs(scenario, task.job, placesOf(task)),
  );
  return Math.max(solved.idealMs - spreadMs(classes, quickest), lastEnd, shaped);
}

/**
 * When the tenants' own limits on requests and calls at once can have let the last of these end, ms. Their limits on tokens do not
 * count: these go by what a job is expected to take, which may be less than it takes.
 */
function shapedEnd(
  { tenants }: Scenario,
  tasks: readonly Task[],
  quickest: (task: Task) => number,
): number {
  const byTenant = grouped(tasks, ({ job }) => job.tenant);
  const ends = tenants.map(({ id, limits: { rpm, concurrency } }) => {
    const own = byTenant.get(id) ?? [];
    if (own.length === 0 || (rpm === undefined && concurrency === undefined)) return 0;
    const firstAt = own.reduce((first, { job }) => Math.min(first, job.at), Infinity);
    const calls = own.map(quickest);
    const callMs = calls.reduce((sum, ms) => sum + ms, 0);
    const leastMs = calls.reduce((least, ms) => Math.min(least, ms), Infinity);
    // A second's rate at the start, and the one job that may be larger than what is left.
    const behind = own.length - 1 - Math.max(1, (rpm ?? 0) / 60);
    const lastMs = rpm === undefined ? 0 : (Math.max(0, behind) * 60_000) / rpm;
    return (
      firstAt + Math.max(lastMs + leastMs, concurrency === undefined ? 0 : callMs / concurrency)
    );
  });
  return Math.max(0, ...ends);
}

function limitsOf(
  scenario: Scenario,
  jobs: readonly Job[],
): Pick<DrainProblem, 'deployments' | 'budgets'> {
  const { fleet } = scenario;
  const drawing = [...fleet.deployments.values()];
  const largest = jobs.reduce((most, job) => Math.max(most, mostTokens(drawing, job)), 0);
  const budgets = [...fleet.budgets.values()].map((budget) => {
    const limits = trueLimits(scenario, budget);
    const behaviour = behaviourOf(scenario, memberOf(fleet, budget));
    const rates = (['rpm', 'tpm', 'itpm', 'otpm'] as const).flatMap((dimension): PlannedRate[] => {
      const limit = limits[dimension];
      if (limit === undefined) return [];
      const least = dimension === 'rpm' ? 1 : largest;
      return [{ dimension, perMs: limit / 60_000, burst: burstOf(behaviour, limit, least) }];
    });
    return { id: budget.id, rates, concurrency: limits.concurrency ?? null };
  });
  return {
    deployments: drawing.map(({ id, budgets: drawn }) => ({
      id,
      budgets: drawn,
      concurrency: null,
    })),
    budgets,
  };
}

/** What a call for the job takes out of a limit on tokens at most: where its maximum is charged, that may be more than its answer. */
const mostTokens = (deployments: readonly Deployment[], job: Job): number =>
  deployments.reduce((most, deployment) => {
    const { inputTokens: input, outputTokens, maxOutput } = job;
    const { output } = chargedFor(deployment, { maxOutput, input, output: outputTokens });
    return Math.max(most, input + Math.max(output, outputTokens));
  }, 0);

/** What a window lets through beyond its rate: as much as it holds, or the one call dearer than that. */
const burstOf = ({ window, initialFill }: Behaviour, limit: number, least: number): number =>
  Math.max(least, (limit * WINDOW_MS[window] * initialFill) / 60_000);

const memberOf = (fleet: Fleet, { id }: Budget): string =>
  [...fleet.deployments.values()].find(({ budgets }) => budgets.includes(id))?.id ?? id;

/** The program adds the shortest call of all, as the mean of its class: the shortest call itself may be this much shorter. */
function spreadMs(classes: readonly JobClass[], quickest: number): number {
  const means = classes.flatMap(({ deployments }) =>
    Object.values(deployments).map((place) => place.latencyMs),
  );
  return Math.max(0, means.reduce((least, ms) => Math.min(least, ms), Infinity) - quickest);
}
