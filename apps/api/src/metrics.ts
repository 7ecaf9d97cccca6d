/** The figures at /metrics, all in one file. What only Redis knows is read when asked for; without Redis it is left out. */
import { Counter, Gauge, Histogram, collectDefaultMetrics } from 'prom-client';
import type { Registry } from 'prom-client';
import type { LiveFigures } from './figures.ts';

export interface Metrics {
  jobsAccepted: Counter<'pool' | 'priority'>;
  batchesAccepted: Counter;
  bytesReceived: Counter;
  requestSeconds: Histogram<'method' | 'route' | 'status'>;
}

export function makeMetrics(registry: Registry): Metrics {
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  return {
    jobsAccepted: new Counter({
      name: 'sluice_jobs_accepted_total',
      help: 'Single jobs accepted by this process.',
      labelNames: ['pool', 'priority'],
      registers,
    }),
    batchesAccepted: new Counter({
      name: 'sluice_batches_accepted_total',
      help: 'Batches accepted by this process.',
      registers,
    }),
    bytesReceived: new Counter({
      name: 'sluice_file_bytes_received_total',
      help: 'Bytes of files and parts stored by this process.',
      registers,
    }),
    requestSeconds: new Histogram({
      name: 'sluice_http_request_duration_seconds',
      help: 'From the arrival of a request to the end of its answer. Streams and waits included.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
      registers,
    }),
  };
}

interface Sample {
  labels: Record<string, string>;
  value: number;
}

interface Live {
  name: string;
  help: string;
  labelNames: string[];
  /** Counters only grow (Redis keeps them); gauges move. */
  kind: 'counter' | 'gauge';
  read: (figures: LiveFigures) => Promise<Sample[]>;
}

/** There before the first of them: what is new at its first reading shows no increase. */
const NEVER = { ok: 0, rate_limited: 0 };

const LIVE: Live[] = [
  {
    name: 'sluice_queue_entries',
    help: 'Entries in each BullMQ queue by state. An entry can stand for many jobs.',
    labelNames: ['queue', 'state'],
    kind: 'gauge',
    read: async (figures) =>
      [...(await figures.depths())].flatMap(([queue, depth]) =>
        Object.entries(depth).map(([state, value]) => ({ labels: { queue, state }, value })),
      ),
  },
  {
    name: 'sluice_jobs_waiting',
    help: 'Single jobs that were never placed, of all pools: on a queue, or in the ledger beyond its window.',
    labelNames: [],
    kind: 'gauge',
    read: async (figures) => [{ labels: {}, value: await figures.backlog() }],
  },
  {
    name: 'sluice_pool_queued',
    help: 'Jobs and batch lines of a pool that wait for a place: on its queues, in the ledger, or not fed yet.',
    labelNames: ['pool'],
    kind: 'gauge',
    read: async (figures) =>
      [...(await figures.waiting())].map(([pool, value]) => ({ labels: { pool }, value })),
  },
  {
    name: 'sluice_batches',
    help: 'The newest 1,000 batches by status.',
    labelNames: ['status'],
    kind: 'gauge',
    read: async (figures) =>
      [...(await figures.batchStatuses())].map(([status, value]) => ({
        labels: { status },
        value,
      })),
  },
  {
    name: 'sluice_deployment_calls_total',
    help: 'Ended provider calls by deployment and outcome (rate_limited: 429s).',
    labelNames: ['deployment', 'outcome'],
    kind: 'counter',
    read: async (figures) =>
      [...(await figures.loads())].flatMap(([deployment, load]) =>
        Object.entries({ ...NEVER, ...load.byOutcome }).map(([outcome, value]) => ({
          labels: { deployment, outcome },
          value,
        })),
      ),
  },
  ofLoads(
    'sluice_deployment_calls_in_flight',
    'Provider calls under way.',
    (load) => load.inFlight,
  ),
  ofLoads(
    'sluice_deployment_latency_seconds',
    'Mean latency of about the last twenty answered calls.',
    (load) => (load.meanLatencyMs === null ? null : load.meanLatencyMs / 1000),
  ),
  {
    ...ofLoads('sluice_deployment_cost_usd_total', 'Spent, in US dollars.', (load) => load.costUsd),
    kind: 'counter',
  },
  {
    name: 'sluice_deployment_share',
    help: 'Share of a deployment of the work of its pools placed in about the last half minute, 0 to 1.',
    labelNames: ['deployment'],
    kind: 'gauge',
    read: async (figures) =>
      [...(await figures.health())].flatMap(([deployment, { share }]) =>
        typeof share === 'number' ? [{ labels: { deployment }, value: share }] : [],
      ),
  },
  {
    name: 'sluice_pool_share',
    help: 'Share of a deployment of the work of one pool placed in about the last half minute, 0 to 1.',
    labelNames: ['pool', 'deployment'],
    kind: 'gauge',
    read: async (figures) =>
      [...(await figures.pools())].flatMap(([pool, { deployments }]) =>
        Object.entries(deployments).flatMap(([deployment, { share }]) =>
          share === null ? [] : [{ labels: { pool, deployment }, value: share }],
        ),
      ),
  },
  {
    name: 'sluice_deployment_error_ratio',
    help: 'Failed of the calls that ended in about the last half minute, without 429s and lost ones, 0 to 1.',
    labelNames: ['deployment'],
    kind: 'gauge',
    read: async (figures) =>
      [...(await figures.health())].flatMap(([deployment, { error_rate: value }]) =>
        typeof value === 'number' ? [{ labels: { deployment }, value }] : [],
      ),
  },
  {
    name: 'sluice_deployment_state',
    help: '1 for the state a deployment is in.',
    labelNames: ['deployment', 'state'],
    kind: 'gauge',
    read: async (figures) =>
      [...(await figures.health())].flatMap(([deployment, { state }]) =>
        state === undefined ? [] : [{ labels: { deployment, state }, value: 1 }],
      ),
  },
  {
    name: 'sluice_budget_used_ratio',
    help: 'Used of each limit of each budget, 0 to 1: of rates as of about the last ten seconds.',
    labelNames: ['budget', 'dimension'],
    kind: 'gauge',
    read: async (figures) =>
      [...(await figures.budgets())].flatMap(([budget, load]) => [
        ...[...load.dims, ...load.windows].map(({ dimension, usedFraction }) => ({
          labels: { budget, dimension },
          value: usedFraction,
        })),
        ...(load.concurrency
          ? [
              {
                labels: { budget, dimension: 'concurrency' },
                value: load.concurrency.used / load.concurrency.limit,
              },
            ]
          : []),
      ]),
  },
  {
    name: 'sluice_budget_burst_used_ratio',
    help: 'Of limits per minute, what is taken now of what may start at once, 0 to 1.',
    labelNames: ['budget', 'dimension'],
    kind: 'gauge',
    read: async (figures) =>
      [...(await figures.budgets())].flatMap(([budget, { dims }]) =>
        dims.map(({ dimension, burstUsedFraction: value }) => ({
          labels: { budget, dimension },
          value,
        })),
      ),
  },
];

type Load = Awaited<ReturnType<LiveFigures['loads']>> extends Map<string, infer L> ? L : never;

function ofLoads(name: string, help: string, value: (load: Load) => number | null): Live {
  return {
    name,
    help,
    labelNames: ['deployment'],
    kind: 'gauge',
    read: async (figures) =>
      [...(await figures.loads())].flatMap(([deployment, load]) => {
        const found = value(load);
        return found === null ? [] : [{ labels: { deployment }, value: found }];
      }),
  };
}

/** Adds the figures that are read from Redis at each scrape. */
export function addLiveMetrics(registry: Registry, figures: LiveFigures): void {
  for (const live of LIVE) {
    const { name, help, labelNames } = live;
    const settings = { name, help, labelNames, registers: [registry] };
    const samples = (): Promise<Sample[]> => live.read(figures).catch(() => []);
    if (live.kind === 'gauge') {
      const gauge = new Gauge({
        ...settings,
        async collect() {
          const found = await samples();
          gauge.reset();
          for (const { labels, value } of found) gauge.set(labels, value);
        },
      });
    } else {
      const counter = new Counter({
        ...settings,
        async collect() {
          const found = await samples();
          counter.reset();
          for (const { labels, value } of found) counter.inc(labels, value);
        },
      });
    }
  }
}
