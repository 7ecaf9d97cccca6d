/** The jobs of a run as classes for the linear program of T*: where each could have run, and what it takes there. */
import type { Deployment, Fleet } from '@sluice/job';
import type { JobClass } from '@sluice/planning';
import { grouped } from './grouped.ts';
import { answerTokens, latencyMs } from './provider.ts';
import { behaviourOf } from './providers.ts';
import type { Job, Scenario } from './scenario.ts';
import type { Task } from './task.ts';

/** As many sizes at most are classes of their own; else those of nearly the same size are one, of their mean. */
const MOST_SIZES = 200;
/** Classes per doubling of input, and of output: of the Azure traces even half as many give the same T* to the millisecond. */
const STEPS = 2;

export interface Classes {
  classes: JobClass[];
  /** Whether all jobs of a class are of one size. */
  exact: boolean;
}

/** Where a job could have run, for {@link placesIn}. */
type PlacesOf = (task: Task) => Deployment[];

export function classesOf(scenario: Scenario, tasks: readonly Task[], placesOf: PlacesOf): Classes {
  const placeKey = (task: Task): string =>
    placesOf(task)
      .map(({ id }) => id)
      .join(',');
  const bySize = grouped(tasks, (task) => keyOf(task, placeKey(task), (tokens) => tokens));
  const exact = bySize.size <= MOST_SIZES;
  const groups = exact ? bySize : grouped(tasks, (task) => keyOf(task, placeKey(task), step));
  const classes = [...groups.values()].map((group, i): JobClass => {
    const jobs = group.map(({ job }) => job);
    const deployments = placesOf(group[0] as Task).map((place) => [
      place.id,
      placementOf(scenario, place, jobs),
    ]);
    return { id: String(i), jobs: jobs.length, deployments: Object.fromEntries(deployments) };
  });
  return { classes, exact };
}

const keyOf = ({ job }: Task, places: string, size: (tokens: number) => number): string =>
  [places, job.maxOutput ?? '-', size(job.inputTokens), size(job.outputTokens)].join(' ');

const step = (tokens: number): number => Math.floor(Math.log2(Math.max(1, tokens)) * STEPS);

/**
 * Of each job the deployments that it could have run on: those of the first tier that has somebody for it, and of those
 * behind it that the run came to. A tier is left for what went wrong or because nothing is left of a day, so a job counts
 * there if it was answered there, and one that never was answered if any of its pool were. Where a pool spills it is left
 * for want of room, by whichever job waits then: all of its jobs count wherever one was answered. None counts beyond its last tier, nor on a
 * deployment of weight 0, which takes no work.
 */
export function placesIn({ fleet }: Scenario, tasks: readonly Task[]): PlacesOf {
  const tierOf = (pool: string, id: string | null | undefined): number =>
    fleet.pools.get(pool)?.tiers.findIndex((tier) => tier.includes(id ?? '')) ?? -1;
  const answeredIn = ({ end, job }: Task): number | null =>
    end?.kind === 'succeeded' ? tierOf(job.pool, end.deployment) : null;
  const reached = new Map<string, number>();
  for (const task of tasks) {
    const { pool } = task.job;
    reached.set(pool, Math.max(reached.get(pool) ?? 0, answeredIn(task) ?? 0));
  }
  const known = new Map<string, Deployment[]>();
  return (task) => {
    const { pool, eligible, maxTier } = task.job;
    const spills = (fleet.pools.get(pool)?.spillAfterMs ?? null) !== null;
    const came = (spills ? null : answeredIn(task)) ?? reached.get(pool) ?? 0;
    const last = Math.min(came, (maxTier ?? Infinity) - 1);
    const key = `${pool} ${last} ${eligible === null ? '*' : [...eligible].join(',')}`;
    const places = known.get(key) ?? placesUpTo(fleet, task.job, last);
    known.set(key, places);
    return places;
  };
}

function placesUpTo(fleet: Fleet, { pool, eligible }: Job, lastTier: number): Deployment[] {
  const tiers = fleet.pools.get(pool)?.tiers ?? [];
  const takesWork = (id: string): boolean =>
    (fleet.deployments.get(id)?.weight ?? 0) > 0 && (eligible === null || eligible.has(id));
  const able = tiers.map((tier) => tier.filter(takesWork));
  const first = able.findIndex((tier) => tier.length > 0);
  if (first < 0) return [];
  const ids = new Set(able.slice(first, Math.max(first, lastTier) + 1).flat());
  return [...ids].map((id) => fleet.deployments.get(id) as Deployment);
}

function placementOf(scenario: Scenario, deployment: Deployment, jobs: readonly Job[]) {
  const { latency } = behaviourOf(scenario, deployment.id);
  const input = meanOf(jobs, (job) => job.inputTokens);
  const output = meanOf(jobs, (job) => answerTokens(deployment, job));
  const [{ maxOutput }] = jobs as [Job];
  const cost = chargedFor(deployment, { maxOutput, input, output });
  return { cost, latencyMs: latencyMs(latency, input, output) * (1 - latency.jitter) };
}

const meanOf = (jobs: readonly Job[], of: (job: Job) => number): number =>
  jobs.reduce((sum, job) => sum + of(job), 0) / jobs.length;

/** What an answered call takes out of limits and costs. A maximum that is given back costs nothing in the long run. */
export function chargedFor(
  { accounting, defaultMaxTokens, price }: Deployment,
  { maxOutput, input, output }: { maxOutput: number | null; input: number; output: number },
): { requests: number; input: number; output: number; usd: number } {
  const { outputMultiplier, inputAndOutput } = accounting;
  const kept = accounting.output === 'max_tokens' ? (maxOutput ?? defaultMaxTokens) : output;
  const counted = kept * outputMultiplier;
  const larger = inputAndOutput === 'larger' && accounting.output !== 'actual';
  const usd = price === null ? 0 : (input * price.input + output * price.output) / 1_000_000;
  return {
    requests: 1,
    input: larger ? Math.max(0, input - counted) : input,
    output: counted,
    usd,
  };
}

/** How long a call for the job takes at least, wherever it could have run, ms; 0 where it could nowhere. */
export function quickestMs(scenario: Scenario, job: Job, places: readonly Deployment[]): number {
  const ways = places.map((deployment) => {
    const { latency } = behaviourOf(scenario, deployment.id);
    const usual = latencyMs(latency, job.inputTokens, answerTokens(deployment, job));
    return usual * (1 - latency.jitter);
  });
  return ways.length > 0 ? Math.min(...ways) : 0;
}
