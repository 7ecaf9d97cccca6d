/** Puts work on BullMQ queues. The ledger has accepted it before; a failure here is repaired by the sweeper, so nobody waits. */
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { BAND } from '@sluice/job';
import type { Priority } from '@sluice/job';
import { QUEUES, entryJobId, openQueue, poolQueue } from '@sluice/queues';
import type { EntryData, StepData } from '@sluice/queues';
import type { ApiEvents } from './events.ts';

/** Finished entries kept for people to look at (contract: Bull Board). */
const KEEP = 1_000;

export class QueueDoor {
  readonly #queues = new Map<string, Queue>();
  readonly #adding = new Set<Promise<unknown>>();
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #events: ApiEvents;

  constructor(redis: Redis, prefix: string, events: ApiEvents) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#events = events;
  }

  /** The queue of this name, opened once. */
  queue(name: string): Queue {
    const known = this.#queues.get(name);
    if (known) return known;
    const queue = openQueue(name, this.#redis, { prefix: this.#prefix, keep: KEEP });
    this.#queues.set(name, queue);
    return queue;
  }

  addJob(pool: string, entry: EntryData, priority: Priority): void {
    const options = { jobId: entryJobId(entry), priority: BAND[priority] };
    this.#add(poolQueue(pool), { name: 'job', data: entry, options });
  }

  addStep(data: StepData): void {
    const options = { jobId: `${data.batch}-${data.step}`, priority: 1 };
    this.#add(QUEUES.batches, { name: 'step', data, options });
  }

  #add(
    queue: string,
    entry: {
      name: string;
      data: EntryData | StepData;
      options: { jobId: string; priority: number };
    },
  ): void {
    const id = entry.options.jobId;
    const adding = this.queue(queue)
      .add(entry.name, entry.data, entry.options)
      .catch((error: unknown) => this.#events.queueingFailed({ id, queue, error: String(error) }))
      .finally(() => this.#adding.delete(adding));
    this.#adding.add(adding);
  }

  /** Waits for what is being added. The connection is the ledger's and stays open. */
  async close(): Promise<void> {
    await Promise.all(this.#adding);
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
  }
}
