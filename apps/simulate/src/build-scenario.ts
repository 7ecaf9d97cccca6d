/** From a config and workloads to what the simulation runs. */
import { USUAL_CHARS_PER_TOKEN } from '@sluice/job';
import { basename } from 'node:path';
import type { Loaded, SimulateSection } from '@sluice/config';
import { KNOWN_WINDOW } from '@sluice/budget';
import type { Fleet, Pool } from '@sluice/job';
import { PLAN_EVERY_MS } from '@sluice/planning';
import { drawnNormal } from '@sluice/simulation';
import type { Behaviour, Job, Scenario, Settings } from '@sluice/simulation';
import { checkFits } from './check-fits.ts';
import { mistake } from './mistake.ts';
import { membersIn, readBatch } from './read-batch.ts';
import { readTrace } from './read-trace.ts';
import { checkTenant, whereTo } from './where-to.ts';
import type { Asked, Destination, Sender } from './where-to.ts';
import { LONGEST_MS } from './workload.ts';
import type { Workload } from './workload.ts';

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

const DAY_MS = 86_400_000;

interface Drawing {
  /** Which of the workloads. */
  place: number;
  seed: number;
  charsPerToken: number;
}

async function jobsOf(installed: Installed, workload: Workload, drawing: Drawing): Promise<Job[]> {
  checkTenant(workload.tenant, installed.tenants, `--workload ${workload.path}`);
  return isBatchFile(workload)
    ? batchJobs(installed, workload, drawing)
    : traceJobs(installed, workload, drawing);
}

export const isBatchFile = ({ path }: Workload): boolean => /\.(jsonl|ndjson)$/i.test(path);

export const batchName = ({ path }: Workload, { place }: { place: number }): string =>
  `${place}-${basename(path)}`;

/** Single jobs, unless they come as one batch. */
async function traceJobs(
  installed: Installed,
  workload: Workload,
  drawing: Drawing,
): Promise<Job[]> {
  const requests = await readTrace(workload.path, workload.limit);
  const { atOnce, tenant, scale, startMs, maxTokens, deadlineMs } = workload;
  checkTimes(workload, requests.at(-1)?.at ?? 0);
  const sender = { tenant, priority: workload.priority ?? (atOnce ? 'low' : 'normal') };
  return requests.map(({ at: after, inputTokens, outputTokens }, i) => {
    const at = startMs + (atOnce ? 0 : after / scale);
    const characters = inputTokens * drawing.charsPerToken;
    const shape = { characters, maxOutput: maxTokens, inputs: 1 };
    const found = traceDestination(installed, workload, { ...sender, shape, at, id: String(i) });
    return {
      at,
      pool: found.pool,
      tenant,
      priority: atOnce ? sender.priority : (found.priority ?? sender.priority),
      maxTier: atOnce ? null : found.maxTier,
      batch: atOnce ? batchName(workload, drawing) : null,
      characters,
      maxOutput: maxTokens,
      inputTokens,
      outputTokens,
      eligible: null,
      deadlineMs,
    };
  });
}

/** `lastMs`: when the last of its requests comes, after the first. Throws InputMistake. */
function checkTimes({ path, atOnce, scale, startMs }: Workload, lastMs: number): void {
  const days = (startMs + (atOnce ? 0 : lastMs / scale)) / DAY_MS;
  const [most, found] = [LONGEST_MS / DAY_MS, days.toPrecision(4)];
  if (days > most)
    throw mistake(
      `--workload ${path}`,
      `a last request after ${found} days`,
      `at most ${most}, by its times, \`start\` and \`scale\``,
    );
}

/** A trace says sizes: its requests are chats that ask for the workload's pool, the first unless said. */
function traceDestination(
  installed: Installed,
  { path, pool }: Workload,
  { at, ...request }: Sender & Pick<Asked, 'shape' | 'id'> & { at: number },
): Destination {
  const model = pool ?? ([...installed.fleet.pools.keys()][0] as string);
  const asked: Asked & Sender = { ...request, model, endpoint: '/v1/chat/completions', body: {} };
  return whereTo(installed, asked, { at, where: `--workload ${path}: pool` });
}

async function batchJobs(
  installed: Installed,
  workload: Workload,
  drawing: Drawing,
): Promise<Job[]> {
  const { fleet, simulated } = installed;
  const { path, pool, limit, tenant, startMs, maxTokens, deadlineMs } = workload;
  checkTimes(workload, 0);
  const priority = workload.priority ?? 'low';
  const sender = { tenant, priority };
  const requests = await readBatch(installed, { path, pool, limit, sender, at: startMs });
  const batch = batchName(workload, drawing);
  return requests.map(({ pool: found, shape, eligible }, i) => {
    const [first] = membersIn(fleet, found);
    const section = first && simulated.get(first.id);
    const wanted = section ? lengthOf(section, drawing, i) : 0;
    return {
      at: startMs,
      pool: found,
      tenant,
      priority,
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
