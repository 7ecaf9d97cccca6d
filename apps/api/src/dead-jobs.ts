/** The queue of jobs that are out of attempts, as operators look at it: newest first, by pool, class and time. */
import { parseLineId } from '@sluice/job';
import { readBatch } from '@sluice/ledger';
import { QUEUES } from '@sluice/queues';
import type { Api } from './api.ts';

export interface DeadJob {
  /** A job's id, or a batch line's. */
  id: string;
  /** How its last attempt ended. */
  code: string;
  /** Null for a line of a batch over several pools, or of one that is gone. */
  pool: string | null;
  diedAt: number;
}

export interface DeadFilter {
  ids?: readonly string[] | undefined;
  pool?: string | undefined;
  code?: string | undefined;
  /** Unix seconds. */
  since?: number | undefined;
}

type Ports = Pick<Api, 'ledger' | 'queues'>;

const PAGE = 500;
/** Of one round. */
const MOST_REMOVED = 20_000;

/** Newest first. Rejects at once when Redis is away: the queue's own commands would wait for it. */
export async function* deadJobs(ports: Ports, filter: DeadFilter): AsyncGenerator<DeadJob> {
  await ports.ledger.redis.ping();
  const queue = ports.queues.queue(QUEUES.dead);
  const wanted = filter.ids && new Set(filter.ids);
  const pools = new Map<string, string | null>();
  for (let from = 0; ; from += PAGE) {
    const entries = await queue.getJobs(['waiting'], from, from + PAGE - 1, false);
    for (const { data, timestamp } of entries) {
      const { id, code, pool } = data as { id: string; code: string; pool?: string };
      if (timestamp < (filter.since ?? 0) * 1000) return;
      if (wanted && !wanted.has(id)) continue;
      const of = pool ?? (await poolOfLine(ports, id, pools));
      if (filter.pool !== undefined && filter.pool !== of) continue;
      if (filter.code !== undefined && filter.code !== code) continue;
      yield { id, code, pool: of, diedAt: timestamp };
    }
    if (entries.length < PAGE) return;
  }
}

async function poolOfLine(
  { ledger }: Ports,
  id: string,
  known: Map<string, string | null>,
): Promise<string | null> {
  const batchId = parseLineId(id)?.batchId;
  if (batchId === undefined) return null;
  const before = known.get(batchId);
  if (before !== undefined) return before;
  const batch = await readBatch(ledger, batchId);
  const pools = new Set(batch?.classes.map(({ pool }) => pool));
  const pool = pools.size === 1 ? ([...pools][0] as string) : null;
  known.set(batchId, pool);
  return pool;
}

/** It is dealt with. */
export async function removeDead({ queues }: Ports, id: string): Promise<void> {
  await queues.queue(QUEUES.dead).remove(id);
}

/** Entries of `before` (ms) and earlier, oldest first, up to a bound; how many went. It looks at no younger ones but a page. */
export async function removeOldDead(
  { queues }: Pick<Api, 'queues'>,
  before: number,
): Promise<number> {
  const queue = queues.queue(QUEUES.dead);
  for (let removed = 0; removed < MOST_REMOVED;) {
    const oldest = await queue.getJobs(['waiting'], 0, PAGE - 1, true);
    const old = oldest.filter(({ timestamp }) => timestamp <= before);
    await Promise.all(old.map(({ id }) => queue.remove(id as string)));
    removed += old.length;
    if (old.length < PAGE) return removed;
  }
  return MOST_REMOVED;
}
