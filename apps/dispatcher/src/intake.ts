/** Takes entries from `jobs-{pool}` and `fallback-{pool}`, and steps from `batches`, while this process leads. */
import { DelayedError, WaitingError } from 'bullmq';
import type { Job as QueueEntry, Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { fallbackQueue, openWorker, poolQueue, QUEUES } from '@sluice/queues';
import type { EntryData, StepData } from '@sluice/queues';
import type { PlaceEnd } from './waiting-entries.ts';

export interface IntakeOptions {
  pools: readonly string[];
  connection: Redis;
  prefix: string;
  keep: number;
  queueOf: (name: string) => Queue<EntryData>;
  /** `closed`: put it back. What failed the sweeper looks after. */
  entry: (data: EntryData) => Promise<PlaceEnd>;
  step: (data: StepData) => Promise<{ kind: 'done' } | { kind: 'again'; afterMs: number }>;
}

/** Entries of one queue that may wait for room here. Few: BullMQ fills all slots one by one before it starts any. */
const SLOTS = 128;
const MOST_SLOTS = 4_096;
/** More than large files may have. */
const STEPS = 8;

export class Intake {
  readonly #options: IntakeOptions;
  readonly #entries = new Map<string, Worker<EntryData>>();
  readonly #steps: Worker<StepData>;

  constructor(options: IntakeOptions) {
    this.#options = options;
    const { connection, prefix, keep } = options;
    this.take(options.pools);
    this.#steps = openWorker<StepData>(
      QUEUES.batches,
      async (job, token) => {
        const end = await options.step(job.data);
        if (end.kind === 'done') return;
        // BullMQ goes by this machine's clock.
        await job.moveToDelayed(Date.now() + end.afterMs, token);
        throw new DelayedError();
      },
      connection,
      { prefix, keep, concurrency: STEPS },
    );
  }

  /** Takes from these pools too. A pool is never left: what was accepted for it waits, as its ledger says. */
  take(pools: readonly string[]): void {
    const { connection, prefix, keep } = this.#options;
    for (const name of pools.flatMap((pool) => [poolQueue(pool), fallbackQueue(pool)])) {
      if (this.#entries.has(name)) continue;
      const place = (job: QueueEntry<EntryData>, token?: string) => this.#place(job, token);
      const options = { prefix, keep, concurrency: SLOTS };
      this.#entries.set(name, openWorker<EntryData>(name, place, connection, options));
    }
  }

  async #place(entry: QueueEntry<EntryData>, token: string | undefined): Promise<void> {
    if ((await this.#options.entry(entry.data)) !== 'closed') return;
    await entry.moveToWait(token);
    throw new WaitingError();
  }

  /**
   * When everything fetched waits for room, nothing may wait behind it to be fetched: it may be more urgent, or another
   * tenant's turn. A queue holds no more than a window of each tenant's jobs, so all of it is fetched.
   */
  async makeRoom(waiting: number): Promise<void> {
    if (waiting < SLOTS) {
      for (const worker of this.#entries.values())
        if (worker.concurrency !== SLOTS) worker.concurrency = SLOTS;
      return;
    }
    await Promise.all(
      [...this.#entries.values()].map(async (worker) => {
        const counts = await this.#options.queueOf(worker.name).getCountsPerPriority([1, 2, 3]);
        const more = Object.values(counts).reduce((sum, count) => sum + count, 0);
        if (more > 0) worker.concurrency = Math.min(MOST_SLOTS, worker.concurrency + more);
      }),
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.#entries.values(), this.#steps].map((worker) => worker.close()));
  }
}
