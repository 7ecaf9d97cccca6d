/** Opens a BullMQ worker with Sluice's settings: locks that survive a short outage, stalls that never fail an entry. */
import { Worker } from 'bullmq';
import type { Processor } from 'bullmq';
import type { Redis } from 'ioredis';
import { queuePrefix } from './queue.ts';

export interface WorkerOptions {
  prefix: string;
  concurrency: number;
  keep: number;
}

/**
 * BullMQ closes by disconnecting its blocking connection and awaiting `end`, which never comes from a connection that is
 * waiting to reconnect (bullmq#4656): after an outage of Redis a worker told to stop would stay for ever. So this one
 * fetches no more, and disconnects once it is connected. While Redis is away it cannot finish its entries anyway.
 */
class ReconnectingWorker<Data> extends Worker<Data> {
  override async close(force = false): Promise<void> {
    await this.pause(true);
    if (!force) await isConnected(await this.backend.blockingClient);
    await super.close(force);
    this.own?.disconnect();
  }

  /** Closed with it. */
  own: Redis | null = null;
}

/** On a Cluster a queue is on one node, by its hash tag: its worker has a connection to that one. */
interface OfCluster {
  masterOf?: (key: string) => Redis;
}

type Client = Awaited<NonNullable<Worker['backend']['blockingClient']>>;

/** Resolves when the connection stands, or has ended for good. */
async function isConnected(client: Client | undefined): Promise<void> {
  if (!client || client.status === 'ready' || client.status === 'end') return;
  await new Promise<void>((resolve) => {
    for (const event of ['ready', 'end']) client.once(event, () => resolve());
  });
}

/**
 * A stalled entry (its worker died) is delivered again after lock and check, at most about 15 s. Whether it may run is
 * decided by the ledger, so stalls are not counted (BullMQ would fail an entry after one: bullmq#651).
 */
export function openWorker<Data>(
  name: string,
  processor: Processor<Data>,
  connection: Redis,
  options: WorkerOptions,
): Worker<Data> {
  const prefix = queuePrefix(options.prefix, name);
  const own = (connection as OfCluster).masterOf?.(prefix) ?? null;
  const worker = new ReconnectingWorker<Data>(name, processor, {
    connection: own ?? connection,
    prefix,
    concurrency: options.concurrency,
    lockDuration: 10_000,
    stalledInterval: 5_000,
    maxStalledCount: 1_000_000,
    drainDelay: 5,
    // After a fetch that a lost connection cut off. BullMQ's own 15 s sleep through the recovery from an outage.
    runRetryDelay: 250,
    removeOnComplete: { count: options.keep },
    removeOnFail: { count: options.keep },
  });
  worker.own = own;
  worker.on('error', () => {
    // Connections come back by themselves; a lost lock shows as a redelivery, which the ledger decides.
  });
  return worker;
}
