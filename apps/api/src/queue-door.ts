/**
 * The BullMQ queues as the API uses them: it puts work on them and counts what is there. The ledger has accepted the work
 * before, so nobody waits for it to be queued: what Redis cannot take now it gets as soon as it is back, and what is lost
 * on the way (this process ends, Redis refuses it again and again) the sweeper repairs.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { BAND } from '@sluice/job';
import type { Priority } from '@sluice/job';
import { QUEUES, entryJobId, openQueue, poolQueue, stepPriority } from '@sluice/queues';
import type { EntryData, StepData } from '@sluice/queues';
import type { ApiEvents } from './events.ts';

/** Finished entries kept for people to look at (contract: Bull Board). */
const KEEP = 1_000;

/** After an error of Redis (out of memory, read-only), about; together less than the 15 s after which the sweeper looks. */
const PAUSES_MS = [100, 300, 900, 2_000, 4_000];
/** Entries on their way at once; what comes beyond them is the sweeper's. */
const MOST_ADDING = 10_000;
/** How long closing waits for entries on their way. */
const CLOSING_MS = 1_000;

interface Entry {
  name: string;
  data: EntryData | StepData;
  options: { jobId: string; priority: number };
}

export class QueueDoor {
  readonly #queues = new Map<string, Queue>();
  readonly #adding = new Set<Promise<void>>();
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #events: ApiEvents;
  #closing = false;

  /**
   * Takes a connection of its own (role `background`: commands wait for Redis) and owns it. One whose commands time out
   * would not do: a BullMQ queue that is opened while Redis is away would fail for ever.
   */
  constructor(redis: Redis, prefix: string, events: ApiEvents) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#events = events;
  }

  /** The queue of this name, opened once. Its commands wait while Redis is away. */
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
    const options = { jobId: `${data.batch}-${data.step}`, priority: stepPriority(data.step) };
    this.#add(QUEUES.batches, { name: 'step', data, options });
  }

  #add(queue: string, entry: Entry): void {
    const adding = this.#offer(queue, entry).finally(() => this.#adding.delete(adding));
    this.#adding.add(adding);
  }

  /** Offered twice it is one entry, by its id; and the ledger knows an entry that comes too late. */
  async #offer(queue: string, { name, data, options }: Entry): Promise<void> {
    const id = options.jobId;
    if (this.#adding.size > MOST_ADDING) {
      return this.#events.queueingFailed({ id, queue, again_ms: null, error: 'too many wait' });
    }
    for (let tries = 0; ; tries++) {
      try {
        await this.queue(queue).add(name, data, options);
        return;
      } catch (error) {
        const pauseMs = this.#closing ? null : (PAUSES_MS[tries] ?? null);
        this.#events.queueingFailed({ id, queue, again_ms: pauseMs, error: String(error) });
        if (pauseMs === null) return;
        await delay(pauseMs * (0.5 + Math.random()), undefined, { ref: false });
      }
    }
  }

  /** Gives what is being added a moment; the rest is the sweeper's. Closes the connection. */
  async close(): Promise<void> {
    this.#closing = true;
    const late = delay(CLOSING_MS, undefined, { ref: false });
    await Promise.race([Promise.all(this.#adding), late]);
    if (this.#adding.size > 0) this.#events.queueingLeft({ entries: this.#adding.size });
    this.#redis.disconnect();
    await Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()));
  }
}
