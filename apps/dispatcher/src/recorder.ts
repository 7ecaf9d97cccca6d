/**
 * Records outcomes. Each dispatcher takes slots nobody records, reads their streams from the beginning (what was recorded
 * has left them) and records what it reads together: rows of a batch into its segment, synced once, then one script per
 * batch; single jobs one script each, sent together. Runs in every dispatcher, leader or not.
 */
import type { Redis } from 'ioredis';
import {
  connectRedis,
  holdRecorder,
  isChunkId,
  readOutcomes,
  releaseRecorder,
  SLOT_NUMBERS,
} from '@sluice/ledger';
import type { Ledger, StreamOutcome } from '@sluice/ledger';
import type { DispatcherEvents } from './events.ts';

export interface RecorderPorts {
  ledger: Ledger;
  redisUrl: string;
  holder: string;
  events: DispatcherEvents;
  recordJobs: (outcomes: StreamOutcome[]) => Promise<boolean>;
  recordBatch: (batch: string, outcomes: StreamOutcome[]) => Promise<boolean>;
}

/** A dispatcher that dies may have led as well: its slots must not wait longer than the lead. */
const LEASE_MS = 3_000;
const RENEW_MS = 500;
const READ_COUNT = 128;
const BLOCK_MS = 500;

export class Recorder {
  readonly #ports: RecorderPorts;
  readonly #reading: Redis;
  /** Slots held, and how far each is read. */
  readonly #positions = new Map<number, string>();
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();
  #leases: NodeJS.Timeout | null = null;

  constructor(ports: RecorderPorts) {
    this.#ports = ports;
    this.#reading = connectRedis(ports.redisUrl, 'blocking');
  }

  async start(): Promise<void> {
    await this.#holdSlots();
    this.#leases = setInterval(() => void this.#holdSlots(), RENEW_MS);
    this.#loop = this.#run();
  }

  async #holdSlots(): Promise<void> {
    const { ledger, holder } = this.#ports;
    await Promise.all(
      SLOT_NUMBERS.map(async (slot) => {
        const held = await holdRecorder(ledger, slot, { holder, ms: LEASE_MS }).catch(() => null);
        if (held === true && !this.#positions.has(slot)) this.#positions.set(slot, '0');
        if (held === false) this.#positions.delete(slot);
      }),
    );
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        if (this.#positions.size === 0) await pause(BLOCK_MS);
        else await this.#turn();
      } catch (error) {
        if (this.#stopped) return;
        this.#ports.events.failed({ what: 'recording', error: String(error) });
        for (const slot of this.#positions.keys()) this.#positions.set(slot, '0');
        await pause(BLOCK_MS);
      }
    }
  }

  async #turn(): Promise<void> {
    const outcomes = await readOutcomes(this.#reading, this.#ports.ledger, {
      from: this.#positions,
      count: READ_COUNT,
      blockMs: BLOCK_MS,
    });
    const jobs = outcomes.filter((outcome) => !isChunkId(outcome.id));
    const batches = byBatch(outcomes.filter((outcome) => isChunkId(outcome.id)));
    const work = [...batches].map(([batch, own]) =>
      this.#done(own, this.#ports.recordBatch(batch, own)),
    );
    if (jobs.length > 0) work.push(this.#done(jobs, this.#ports.recordJobs(jobs)));
    await allEnded(work);
    for (const { slot, streamId } of outcomes)
      if (this.#positions.has(slot)) this.#positions.set(slot, streamId);
  }

  /** `false`: another records the slot now. */
  async #done(outcomes: readonly StreamOutcome[], recorded: Promise<boolean>): Promise<void> {
    if (await recorded) return;
    for (const { slot } of outcomes) this.#positions.delete(slot);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#leases) clearInterval(this.#leases);
    this.#reading.disconnect();
    await this.#loop;
    const { ledger, holder } = this.#ports;
    await Promise.all(
      SLOT_NUMBERS.map((slot) => releaseRecorder(ledger, slot, holder).catch(() => undefined)),
    );
  }
}

/** Throws the first failure, but not before the others have ended: what failed is read again, and nothing of it twice at once. */
async function allEnded(work: readonly Promise<void>[]): Promise<void> {
  for (const end of await Promise.allSettled(work)) if (end.status === 'rejected') throw end.reason;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function byBatch(outcomes: readonly StreamOutcome[]): Map<string, StreamOutcome[]> {
  const groups = new Map<string, StreamOutcome[]>();
  for (const outcome of outcomes) {
    const batch = outcome.id.slice(0, outcome.id.indexOf('~'));
    const group = groups.get(batch);
    if (group) group.push(outcome);
    else groups.set(batch, [outcome]);
  }
  return groups;
}
