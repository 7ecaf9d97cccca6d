/** Scenarios for the tests of this package. */
import { DEFAULT_DEPTH } from '@sluice/balancing';
import { KNOWN_WINDOW } from '@sluice/budget';
import { PLAN_EVERY_MS } from '@sluice/planning';
import type { Budget, Deployment, Fleet, Limits, Pool } from '@sluice/job';
import { USUAL_BEHAVIOUR } from './scenario.ts';
import type { Behaviour, Job, Scenario, Settings } from './scenario.ts';

const EXAMPLE_SETTINGS: Settings = {
  depth: DEFAULT_DEPTH,
  snapshotMs: 50,
  planMs: PLAN_EVERY_MS,
  windowLines: 4_096,
  pacing: KNOWN_WINDOW,
  maxAttempts: 5,
  backoff: { baseMs: 500, capMs: 30_000 },
};

export function exampleFleet(
  limits: Record<string, Limits>,
  tiers: string[][] = [Object.keys(limits)],
): Fleet {
  const ids = Object.keys(limits);
  const budgets = ids.map((id): [string, Budget] => [
    id,
    { id, limits: limits[id] ?? {}, outputCharge: 'actual', root: id },
  ]);
  const pool: Pool = {
    id: 'fast',
    strategy: { name: 'capacity' },
    tiers,
    aliases: [],
    on: ['overloaded', 'timeout', 'network', 'provider_error'],
    spillAfterMs: null,
  };
  return {
    deployments: new Map(ids.map((id) => [id, exampleDeployment(id)])),
    budgets: new Map(budgets),
    pools: new Map([['fast', pool]]),
  };
}

const exampleDeployment = (id: string): Deployment => ({
  id,
  name: id,
  provider: { id, type: 'openai', baseUrl: 'http://p/v1', apiKey: null, headers: {} },
  model: 'm',
  region: null,
  weight: 1,
  price: { input: 1, output: 2 },
  timeoutMs: 10_000,
  budgets: [id],
  root: id,
  params: {},
  headers: {},
  query: {},
  dropParams: [],
  defaultMaxTokens: 256,
  outputCap: null,
  accounting: {
    output: 'actual',
    cachedInput: 'counts',
    failedRequests: 'count',
    outputMultiplier: 1,
    inputAndOutput: 'sum',
  },
});

export const exampleJob = (job: Partial<Job> = {}): Job => ({
  at: 0,
  pool: 'fast',
  tenant: 'a',
  priority: 'low',
  batch: 'b',
  characters: (job.inputTokens ?? 100) * 4,
  maxOutput: null,
  inputTokens: 100,
  outputTokens: 50,
  eligible: null,
  deadlineMs: 3_600_000,
  ...job,
});

export const jobsAlike = (count: number, job: Partial<Job> = {}): Job[] =>
  Array.from({ length: count }, () => exampleJob(job));

export const behaviour = (change: Partial<Behaviour>): Behaviour => ({
  ...USUAL_BEHAVIOUR,
  ...change,
});

export const scenario = (
  fleet: Fleet,
  jobs: readonly Job[],
  change: Partial<Scenario> = {},
): Scenario => ({
  fleet,
  tenants: [],
  behaviours: new Map(),
  jobs: jobs.toSorted((a, b) => a.at - b.at),
  seed: 1,
  settings: EXAMPLE_SETTINGS,
  ...change,
});
