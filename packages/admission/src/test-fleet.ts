/** Fleets for tests of admission: deployments `a`, `b` … with limits of their own and a shared budget `org`. */
import type { Budget, Deployment, Fleet, Limits, OutputCharge } from '@sluice/job';

export interface FleetPlan {
  deployments: Record<string, { limits: Limits; org?: boolean }>;
  org?: Limits;
  /** How the shared budget charges output; the deployments' own charge what is produced. */
  orgCharge?: OutputCharge;
}

/** All of them under the root `org`, so that one call can charge them together. */
export function makeFleet({ deployments, org = {}, orgCharge = 'actual' }: FleetPlan): Fleet {
  const own = Object.entries(deployments);
  return {
    deployments: new Map(own.map(([id, { org: shared }]) => [id, deployment(id, shared ?? false)])),
    budgets: new Map([
      ...own.map(([id, { limits }]) => budget(id, limits, 'actual')),
      budget('org', org, orgCharge),
    ]),
    pools: new Map(),
  };
}

const budget = (id: string, limits: Limits, outputCharge: OutputCharge): [string, Budget] => [
  id,
  { id, limits, outputCharge, root: 'org' },
];

const deployment = (id: string, shared: boolean): Deployment => ({
  id,
  name: id,
  provider: { id: 'p', type: 'openai', baseUrl: 'http://127.0.0.1', apiKey: null, headers: {} },
  model: 'm',
  region: null,
  weight: 1,
  price: null,
  timeoutMs: 1_000,
  budgets: shared ? [id, 'org'] : [id],
  root: 'org',
  params: {},
  headers: {},
  query: {},
  dropParams: [],
  defaultMaxTokens: 100,
  outputCap: null,
  accounting: {
    output: 'actual',
    cachedInput: 'counts',
    failedRequests: 'count',
    outputMultiplier: 1,
    inputAndOutput: 'sum',
  },
});
