/** From a config and workloads to what the simulation runs. */
import { basename } from 'node:path';
import type { Loaded, SimulateSection } from '@sluice/config';
import { KNOWN_WINDOW } from '@sluice/budget';
import type { Fleet, Pool } from '@sluice/job';
import { drawnNormal } from '@sluice/simulation';
import type { Behaviour, Job, Scenario, Settings } from '@sluice/simulation';
import { checkFits } from './check-fits.ts';
import { mistake, shown } from './mistake.ts';
import { membersOf, readBatch } from './read-batch.ts';
import { readTrace } from './read-trace.ts';
import type { Workload } from './workload.ts';

/** What the dispatcher counts where it cannot count tokens; traces say tokens, so each is as many characters. */
export const USUAL_CHARS_PER_TOKEN = 4;

export type Installed = Pick<Loaded, 'fleet' | 'config' | 'tenants' | 'simulated'>;

export interface Wanted {
  workloads: readonly Workload[];
  seed: number;
  strategy?: string;
  charsPerToken?: number;
}

/** Throws InputMistake naming the place. */
export async function buildScenario(
  installed: Installed,
  { workloads, seed, strategy, charsPerToken = USUAL_CHARS_PER_TOKEN }: Wanted,
): Promise<Scenario> {
  const lists = await Promise.all(
    workloads.map((workload, place) => jobsOf(installed, workload, { place, seed, charsPerToken })),
  );
  const jobs = lists.flat().toSorted((a, b) => a.at - b.at);
  checkFits(installed.fleet, jobs);
  return {
    fleet: withDirectPools(installed.fleet, jobs),
    tenants: installed.tenants,
    behaviours: new Map(
      [...installed.simulated].map(([id, section]) => [id, behaviourOf(section)]),
    ),
    jobs,
    seed,
    strategy,
    settings: settingsOf(installed.config),
  };
}

interface Drawing {
  /** Which of the workloads. */
  place: number;
  seed: number;
  charsPerToken: number;
}

async function jobsOf(installed: Installed, workload: Workload, drawing: Drawing): Promise<Job[]> {
  const { fleet } = installed;
  if (workload.pool !== null && !fleet.pools.has(workload.pool)) {
    const known = [...fleet.pools.keys()].join(', ');
    throw mistake(`--workload ${workload.path}: pool`, shown(workload.pool), `a pool: ${known}`);
  }
  return isBatchFile(workload)
    ? batchJobs(installed, workload, drawing)
    : traceJobs(fleet, workload, drawing);
}

export const isBatchFile = ({ path }: Workload): boolean => /\.(jsonl|ndjson)$/i.test(path);

export const batchName = ({ path }: Workload, { place }: { place: number }): string =>
  `${place}-${basename(path)}`;

async function traceJobs(fleet: Fleet, workload: Workload, drawing: Drawing): Promise<Job[]> {
  const requests = await readTrace(workload.path, workload.limit);
  const { atOnce, tenant, scale, startMs, maxTokens, deadlineMs } = workload;
  const pool = workload.pool ?? ([...fleet.pools.keys()][0] as string);
  return requests.map(({ at, inputTokens, outputTokens }) => ({
    at: startMs + (atOnce ? 0 : at / scale),
    pool,
    tenant,
    priority: workload.priority ?? (atOnce ? 'low' : 'normal'),
    batch: atOnce ? batchName(workload, drawing) : null,
    characters: inputTokens * drawing.charsPerToken,
    maxOutput: maxTokens,
    inputTokens,
    outputTokens,
    eligible: null,
    deadlineMs,
  }));
}

async function batchJobs(
  { fleet, simulated }: Installed,
  workload: Workload,
  drawing: Drawing,
): Promise<Job[]> {
  const { path, pool, limit, tenant, startMs, maxTokens, deadlineMs } = workload;
  const requests = await readBatch(path, { fleet, pool, limit });
  const batch = batchName(workload, drawing);
  return requests.map(({ pool: found, shape, eligible }, i) => {
    const [first] = membersOf(fleet, found);
    const section = first && simulated.get(first.id);
    const wanted = section ? lengthOf(section, drawing, i) : 0;
    return {
      at: startMs,
      pool: found,
      tenant,
      priority: workload.priority ?? 'low',
      batch,
      characters: shape.characters,
      maxOutput: shape.maxOutput ?? maxTokens,
      inputTokens: Math.ceil(shape.characters / drawing.charsPerToken),
      outputTokens: shape.maxOutput === 0 ? 0 : wanted,
      eligible,
      deadlineMs,
    };
  });
}

/** Lengths of real answers are heavy-tailed: log-normal around the mean asked for. */
function lengthOf(
  { output_tokens: { mean, spread } }: SimulateSection,
  { place, seed }: Omit<Drawing, 'charsPerToken'>,
  index: number,
): number {
  const factor = Math.exp(spread * drawnNormal(seed, place, index) - (spread * spread) / 2);
  return Math.max(1, Math.round(mean * factor));
}

/** Lines may name one deployment: a pool of its own. */
function withDirectPools(fleet: Fleet, jobs: readonly Job[]): Fleet {
  const direct = new Set(jobs.map(({ pool }) => pool).filter((pool) => !fleet.pools.has(pool)));
  const made = [...direct].map((id): [string, Pool] => [
    id,
    {
      id,
      strategy: { name: 'capacity' },
      tiers: [[id.slice('deployment/'.length)]],
      aliases: [],
      on: [],
      spillAfterMs: null,
    },
  ]);
  return { ...fleet, pools: new Map([...fleet.pools, ...made]) };
}

export function behaviourOf(section: SimulateSection): Behaviour {
  const { latency, outages, failures, error_rate: errorRate } = section;
  const failing = { ...failures };
  if (errorRate > 0) failing.provider_error = (failing.provider_error ?? 0) + errorRate;
  return {
    window: section.window,
    initialFill: section.initial_fill,
    limits: said(section.limits),
    others: said(section.others),
    latency: {
      baseMs: latency.base_ms,
      perInputToken: latency.per_input_token,
      perOutputToken: latency.per_output_token,
      jitter: latency.jitter,
    },
    outages: outages.map(({ from = 0, to = Infinity, kind, factor }) => ({
      fromMs: from,
      toMs: to,
      kind,
      factor,
    })),
    failures: said(failing),
    failedRequestsCount: section.failed_requests_count,
    headers: section.headers,
  };
}

/** Without what is undefined, so that nothing of it covers what is said elsewhere. */
const said = <T extends object>(section: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(section).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

const PLAN_EVERY_MS = 5_000;

export function settingsOf({ dispatch, retry, admission }: Loaded['config']): Settings {
  const { depthMs, unlimitedDepth, chunkMs, chunkJobs, snapshotMs, windowLines } = dispatch;
  return {
    depth: { depthMs, unlimitedDepth, chunkMs, chunkJobs },
    snapshotMs,
    planMs: PLAN_EVERY_MS,
    windowLines,
    pacing: { ...KNOWN_WINDOW, share: admission.utilisation },
    maxAttempts: retry.maxAttempts,
    backoff: retry.backoff,
  };
}
