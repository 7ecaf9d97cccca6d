/**
 * T*: how fast these jobs could be drained at best by somebody who knew everything: the true limits, without margin, and
 * the length of every answer. Jobs are put into classes of nearly the same size, for the linear program.
 */
import type { Budget, Deployment, Fleet } from '@sluice/job';
import { idealDrain } from '@sluice/planning';
import type { DrainProblem, JobClass, PlannedRate } from '@sluice/planning';
import type { WindowKind } from '@sluice/windows';
import { grouped } from './grouped.ts';
import { answerTokens, latencyMs } from './provider.ts';
import { behaviourOf, trueLimits } from './providers.ts';
import type { Behaviour, Job, Scenario } from './scenario.ts';

/** Classes per doubling of input, and of output: of the Azure traces even half as many give the same T* to the millisecond. */
const STEPS = 2;

const WINDOW_MS: Record<WindowKind, number> = {
  bucket_1s: 1_000,
  bucket_10s: 10_000,
  bucket_60s: 60_000,
  fixed_10s: 10_000,
  fixed_minute: 60_000,
  sliding_60s: 60_000,
};

/**
 * Ms from the first arrival to the last end, at least; null when no time is enough (a pool without a deployment) or the
 * solver failed. Jobs that arrive late cannot end before they have arrived.
 */
export async function idealMs(scenario: Scenario): Promise<number | null> {
  const { jobs } = scenario;
  if (jobs.length === 0) return 0;
  const groups = [...grouped(jobs, groupKey).values()];
  const classes = groups.map((group, i) => classOf(scenario, group, String(i)));
  const solved = await idealDrain({ classes, ...limitsOf(scenario, jobs) });
  if (solved.kind !== 'solved') return null;
  const last = jobs.at(-1) as Job;
  const boundMs = solved.idealMs - spreadMs(scenario, classes);
  return Math.max(boundMs, last.at + quickestMs(scenario, last));
}

function groupKey({ pool, eligible, inputTokens, outputTokens, maxOutput }: Job): string {
  const able = eligible === null ? '*' : [...eligible].join(',');
  return [pool, able, maxOutput ?? '-', step(inputTokens), step(outputTokens)].join(' ');
}

const step = (tokens: number): number => Math.floor(Math.log2(Math.max(1, tokens)) * STEPS);

/** A tier is left only for failures: the first one with members is where the work belongs. */
const placesOf = ({ fleet }: Scenario, { pool, eligible }: Job): Deployment[] => {
  const tiers = fleet.pools.get(pool)?.tiers ?? [];
  const able = tiers.map((tier) => tier.filter((id) => eligible === null || eligible.has(id)));
  return (able.find((tier) => tier.length > 0) ?? []).map(
    (id) => fleet.deployments.get(id) as Deployment,
  );
};

function classOf(scenario: Scenario, jobs: readonly Job[], id: string): JobClass {
  const [first] = jobs as [Job];
  const deployments = placesOf(scenario, first).map((deployment) => {
    const { latency } = behaviourOf(scenario, deployment.id);
    const input = meanOf(jobs, (job) => job.inputTokens);
    const output = meanOf(jobs, (job) => answerTokens(deployment, job));
    const cost = { requests: 1, ...charged(deployment, { first, input, output }) };
    const quick = latencyMs(latency, input, output) * (1 - latency.jitter);
    return [deployment.id, { cost, latencyMs: quick }] as const;
  });
  return { id, jobs: jobs.length, deployments: Object.fromEntries(deployments) };
}

const meanOf = (jobs: readonly Job[], of: (job: Job) => number): number =>
  jobs.reduce((sum, job) => sum + of(job), 0) / jobs.length;

/** A maximum that is given back costs nothing in the long run. */
function charged(
  { accounting, defaultMaxTokens }: Deployment,
  { first, input, output }: { first: Job; input: number; output: number },
): { input: number; output: number } {
  const { outputMultiplier, inputAndOutput } = accounting;
  const kept = accounting.output === 'max_tokens' ? (first.maxOutput ?? defaultMaxTokens) : output;
  const counted = kept * outputMultiplier;
  const larger = inputAndOutput === 'larger' && accounting.output !== 'actual';
  return { input: larger ? Math.max(0, input - counted) : input, output: counted };
}

function limitsOf(
  scenario: Scenario,
  jobs: readonly Job[],
): Pick<DrainProblem, 'deployments' | 'budgets'> {
  const { fleet } = scenario;
  const largest = Math.max(
    ...jobs.map(({ inputTokens, outputTokens }) => inputTokens + outputTokens),
  );
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
    deployments: [...fleet.deployments.values()].map(({ id, budgets: drawn }) => ({
      id,
      budgets: drawn,
      concurrency: null,
    })),
    budgets,
  };
}

/** What a window lets through beyond its rate: as much as it holds, or the one call dearer than that. */
const burstOf = ({ window, initialFill }: Behaviour, limit: number, least: number): number =>
  Math.max(least, (limit * WINDOW_MS[window] * initialFill) / 60_000);

const memberOf = (fleet: Fleet, { id }: Budget): string =>
  [...fleet.deployments.values()].find(({ budgets }) => budgets.includes(id))?.id ?? id;

/** The program adds the shortest call of all, as the mean of its class: the shortest call itself may be this much shorter. */
function spreadMs(scenario: Scenario, classes: readonly JobClass[]): number {
  const means = classes.flatMap(({ deployments }) =>
    Object.values(deployments).map((place) => place.latencyMs),
  );
  const quickest = scenario.jobs.reduce(
    (least, job) => Math.min(least, quickestMs(scenario, job)),
    Infinity,
  );
  return Math.max(0, means.reduce((least, ms) => Math.min(least, ms), Infinity) - quickest);
}

function quickestMs(scenario: Scenario, job: Job): number {
  const ways = placesOf(scenario, job).map((deployment) => {
    const { latency } = behaviourOf(scenario, deployment.id);
    const usual = latencyMs(latency, job.inputTokens, answerTokens(deployment, job));
    return usual * (1 - latency.jitter);
  });
  return ways.length > 0 ? Math.min(...ways) : 0;
}
