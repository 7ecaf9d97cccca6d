/** Live figures for /admin, /metrics and Bull Board: read at most once a second, however many ask. */
import type { Admission, BudgetLoad, DeploymentLoad } from '@sluice/admission';
import type { Fleet } from '@sluice/job';
import { countBacklog, countBacklogByPool, listIds } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';
import type { Durations } from '@sluice/prediction';
import { QUEUES, fallbackQueue, poolQueue, runQueue } from '@sluice/queues';
import type { QueueDoor } from './queue-door.ts';

const FRESH_MS = 1_000;
/** As long as other commands that serve people may take. */
const WAIT_MS = 900;
/** Batches whose statuses are counted. */
const NEWEST_BATCHES = 1_000;

/** What the leader last published of a deployment; fields it does not have are absent. */
export interface PublishedHealth {
  state?: string;
  reason?: string | null;
  blocked?: string | null;
  since?: number;
  share?: number | null;
  capacity_share?: number;
  error_rate?: number | null;
  share_of_rate?: number;
  breaker?: { kind: string };
  /** From when on a job tries it, Unix ms; null where nothing keeps the next job from it. */
  tried_from?: number | null;
}

/** What the leader last published of a tenant whose work waits for a limit of its own. */
interface PublishedAtLimit {
  tenant: string;
  limit: 'rpm' | 'tpm' | 'concurrency';
  allowed: number;
}

/** The batch of a tenant and priority that has the next turn in a pool; only where others of the tenant wait behind it. */
interface PublishedFirst {
  tenant: string;
  priority: string;
  pool: string;
  batch: string;
}

/** What the leader last published of a pool. */
export interface PublishedPool {
  /** Lines and jobs that the ledger's backlog does not count. */
  waiting: number;
  deployments: Record<string, { share: number | null; capacity_share: number }>;
}

export interface QueueDepth {
  /** In order of arrival; entries with a priority stand in `prioritized`. */
  waiting: number;
  prioritized: number;
  active: number;
  delayed: number;
  failed: number;
}

interface Sources {
  admission: Pick<Admission, 'read' | 'readBudgets' | 'readDurations'>;
  ledger: Ledger;
  queues: QueueDoor;
  fleet: Fleet;
}

export class LiveFigures {
  readonly loads: Kept<Map<string, DeploymentLoad>>;
  readonly budgets: Kept<Map<string, BudgetLoad>>;
  readonly durations: () => Promise<Map<string, Durations>>;
  readonly health: () => Promise<Map<string, PublishedHealth>>;
  readonly depths: () => Promise<Map<string, QueueDepth>>;
  readonly pools: () => Promise<Map<string, PublishedPool>>;
  /** By tenant. */
  readonly atLimit: () => Promise<Map<string, PublishedAtLimit>>;
  readonly firstInTurn: () => Promise<PublishedFirst[]>;
  readonly backlog: () => Promise<number>;
  /** Jobs and lines of each pool of the config that wait for a place. */
  readonly waiting: () => Promise<Map<string, number>>;
  readonly batchStatuses: () => Promise<Map<string, number>>;

  constructor(sources: Sources) {
    const { admission, ledger, queues, fleet } = sources;
    this.loads = kept(() => admission.read());
    this.budgets = kept(() => admission.readBudgets());
    this.durations = kept(() => admission.readDurations());
    this.health = kept(() => readHealth(ledger, fleet));
    this.depths = kept(() => readDepths(queues, queueNames(fleet)));
    this.pools = kept(() => readPools(ledger));
    this.atLimit = kept(() => readAtLimit(ledger));
    this.firstInTurn = kept(() => readFirst(ledger));
    this.backlog = kept(() => countBacklog(ledger));
    const backlogs = kept(() => countBacklogByPool(ledger));
    this.waiting = async () => {
      const all = await Promise.all([backlogs(), this.depths(), this.pools()]);
      return waitingByPool(fleet, ...all);
    };
    this.batchStatuses = kept(() => countBatches(ledger));
  }

  /** Limits have changed: who asks next is told of the new ones. */
  forgetLimits(): void {
    this.loads.forget();
    this.budgets.forget();
  }
}

/** Every queue of the installation (design: one table). */
export function queueNames(fleet: Fleet): string[] {
  const pools = [...fleet.pools.keys()];
  const direct = 'deployment/any';
  return [
    ...[...pools, direct].map(poolQueue),
    QUEUES.batches,
    ...[...fleet.deployments.keys()].map(runQueue),
    ...[...pools, direct].map(fallbackQueue),
    QUEUES.dead,
    QUEUES.webhooks,
  ];
}

/** Remembers an answer for a second; those who ask meanwhile share it. A failure is not remembered. */
function kept<T>(load: () => Promise<T>, now: () => number = Date.now): Kept<T> {
  let answer: { at: number; value: Promise<T> } | null = null;
  const read = (): Promise<T> => {
    if (answer !== null && now() - answer.at < FRESH_MS) return answer.value;
    const value = load();
    answer = { at: now(), value };
    value.catch(() => {
      if (answer?.value === value) answer = null;
    });
    return value;
  };
  const forget = (): void => {
    answer = null;
  };
  return Object.assign(read, { forget });
}

type Kept<T> = (() => Promise<T>) & { forget: () => void };

/** Of the deployments in the config: what is left of one that was removed from it tells nobody anything. */
async function readHealth(ledger: Ledger, fleet: Fleet): Promise<Map<string, PublishedHealth>> {
  const rows = await ledger.redis.hgetall(ledger.keys.health);
  return new Map(
    Object.entries(rows)
      .filter(([id]) => fleet.deployments.has(id))
      .map(([id, text]) => [id, JSON.parse(text) as PublishedHealth]),
  );
}

async function readPools({ redis, keys }: Ledger): Promise<Map<string, PublishedPool>> {
  const text = await redis.get(keys.pools);
  return new Map(Object.entries(JSON.parse(text ?? '{}') as Record<string, PublishedPool>));
}

async function readAtLimit({ redis, keys }: Ledger): Promise<Map<string, PublishedAtLimit>> {
  const rows = JSON.parse((await redis.get(keys.atLimit)) ?? '[]') as PublishedAtLimit[];
  return new Map(rows.map((row) => [row.tenant, row]));
}

const readFirst = async ({ redis, keys }: Ledger): Promise<PublishedFirst[]> =>
  JSON.parse((await redis.get(keys.firstInTurn)) ?? '[]') as PublishedFirst[];

/**
 * Jobs that were never placed stand in the ledger's backlog, on a queue or not. What failed waits in `fallback-…` until it is
 * fetched; of that, and of the lines of batches, the leader tells.
 */
function waitingByPool(
  fleet: Fleet,
  backlogs: ReadonlyMap<string, number>,
  depths: ReadonlyMap<string, QueueDepth>,
  published: ReadonlyMap<string, PublishedPool>,
): Map<string, number> {
  const waitingOf = (pool: string): number => {
    const failed = depths.get(fallbackQueue(pool));
    const told = published.get(pool)?.waiting ?? 0;
    return (backlogs.get(pool) ?? 0) + waitingIn(failed) + (failed?.delayed ?? 0) + told;
  };
  return new Map([...fleet.pools.keys()].map((pool) => [pool, waitingOf(pool)]));
}

/** What waits in a queue, whatever its priority. */
export const waitingIn = (depth: QueueDepth | undefined): number =>
  depth === undefined ? 0 : depth.waiting + depth.prioritized;

async function readDepths(
  queues: QueueDoor,
  names: readonly string[],
): Promise<Map<string, QueueDepth>> {
  const counts = await Promise.all(
    names.map(async (name) => {
      const counting = queues
        .queue(name)
        .getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed');
      const found = await answered(counting);
      const { waiting = 0, prioritized = 0, active = 0, delayed = 0, failed = 0 } = found;
      return [name, { waiting, prioritized, active, delayed, failed }] as const;
    }),
  );
  return new Map(counts);
}

/** Commands on queues wait while Redis is away; who asks for figures does not. */
function answered<T>(command: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('Command timed out')), WAIT_MS);
    void command.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

async function countBatches(ledger: Ledger): Promise<Map<string, number>> {
  const newest = { kind: 'batches', tenant: null, order: 'desc' } as const;
  const ids = await listIds(ledger, newest, NEWEST_BATCHES);
  const found = await Promise.all(
    ids.map((id) => ledger.redis.hget(ledger.keys.batch(id), 'status')),
  );
  const counts = new Map<string, number>();
  for (const status of found) if (status) counts.set(status, (counts.get(status) ?? 0) + 1);
  return counts;
}
