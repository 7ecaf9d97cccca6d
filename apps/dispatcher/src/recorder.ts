/**
 * Records outcomes. Each dispatcher takes slots nobody records, reads their streams from the beginning (what was recorded
 * has left them) and records what it reads together: rows of a batch into its segment, synced once, then one script per
 * batch; single jobs one script each, sent together. Runs in every dispatcher, leader or not. On a Cluster slots are read
 * apart, so that one whose node is away keeps up no other.
 */
import type { Redis } from 'ioredis';
import {
  blockingOn,
  holdRecorder,
  isChunkId,
  readOutcomes,
  readTogether,
  releaseRecorder,
  SLOT_NUMBERS,
} from '@sluice/ledger';
import type { Ledger, StreamOutcome } from '@sluice/ledger';
import type { DispatcherEvents } from './events.ts';

export interface RecorderPorts {
  ledger: Ledger;
  holder: string;
  events: DispatcherEvents;
  recordJobs: (outcomes: StreamOutcome[]) => Promise<boolean>;
  recordBatch: (batch: string, outcomes: StreamOutcome[]) => Promise<boolean>;
}

/** A dispatcher that dies may have led as well: its slots must not wait longer than the lead. */
const LEASE_MS = 3_000;
const RENEW_MS = 500;

/** Slots that are read together, over a connection that blocks. */
interface Reading {
  slots: readonly number[];
  redis: Redis;
}

/** How far a slot's stream is read: an id of the stream. */
interface Position {
  at: string;
}

const BEGINNING = '0';
const READ_COUNT = 128;
const BLOCK_MS = 500;

export class Recorder {
  readonly #ports: RecorderPorts;
  readonly #readings: readonly Reading[];
  /** Of the slots held. One that is lost and held again gets a new one: what was read before is read again. */
  readonly #positions = new Map<number, Position>();
  /** Slots whose lease is asked for and not answered: while Redis is away one question waits for it, not one of each round. */
  readonly #asking = new Set<number>();
  #stopped = false;
  #loops: Promise<void[]> = Promise.resolve([]);
  #leases: NodeJS.Timeout | null = null;

  constructor(ports: RecorderPorts) {
    this.#ports = ports;
    this.#readings = readTogether(ports.ledger.redis).map((slots) => ({
      slots,
      redis: blockingOn(ports.ledger.redis, ports.ledger.keys.outcomes(slots[0] as number)),
    }));
  }

  async start(): Promise<void> {
    await this.#holdSlots();
    this.#leases = setInterval(() => void this.#holdSlots(), RENEW_MS);
    this.#loops = Promise.all(this.#readings.map((reading) => this.#run(reading)));
  }

  async #holdSlots(): Promise<void> {
    const open = SLOT_NUMBERS.filter((slot) => !this.#asking.has(slot));
    await Promise.all(open.map((slot) => this.#holdSlot(slot)));
  }

  async #holdSlot(slot: number): Promise<void> {
    const { ledger, holder } = this.#ports;
    this.#asking.add(slot);
    const held = await holdRecorder(ledger, slot, { holder, ms: LEASE_MS }).catch(() => null);
    this.#asking.delete(slot);
    if (held === true && !this.#positions.has(slot)) this.#positions.set(slot, { at: BEGINNING });
    if (held === false) this.#positions.delete(slot);
  }

  async #run({ redis, slots }: Reading): Promise<void> {
    while (!this.#stopped) {
      const from = this.#positionsOf(slots);
      try {
        if (from.size === 0) await pause(BLOCK_MS);
        else await this.#turn(redis, from);
      } catch (error) {
        if (this.#stopped) return;
        this.#ports.events.failed({ what: 'recording', error: String(error) });
        startAgain(this.#positionsOf(slots));
        await pause(BLOCK_MS);
      }
    }
  }

  /** Of those that are held. */
  #positionsOf(slots: readonly number[]): Map<number, Position> {
    return new Map([...this.#positions].filter(([slot]) => slots.includes(slot)));
  }

  async #turn(redis: Redis, from: ReadonlyMap<number, Position>): Promise<void> {
    const outcomes = await readOutcomes(redis, this.#ports.ledger, {
      from: new Map([...from].map(([slot, { at }]) => [slot, at])),
      count: READ_COUNT,
      blockMs: BLOCK_MS,
    });
    // Nothing new: should something that was read be there still, it was not recorded.
    if (outcomes.length === 0) return startAgain(from);
    const jobs = outcomes.filter((outcome) => !isChunkId(outcome.id));
    const batches = byBatch(outcomes.filter((outcome) => isChunkId(outcome.id)));
    const work = [...batches].map(([batch, own]) =>
      this.#done(own, this.#ports.recordBatch(batch, own)),
    );
    if (jobs.length > 0) work.push(this.#done(jobs, this.#ports.recordJobs(jobs)));
    await allEnded(work);
    for (const { slot, streamId } of outcomes) (from.get(slot) as Position).at = streamId;
  }

  /** `false`: another records the slot now. */
  async #done(outcomes: readonly StreamOutcome[], recorded: Promise<boolean>): Promise<void> {
    if (await recorded) return;
    for (const { slot } of outcomes) this.#positions.delete(slot);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#leases) clearInterval(this.#leases);
    for (const { redis } of this.#readings) redis.disconnect();
    await this.#loops;
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

function startAgain(positions: ReadonlyMap<number, Position>): void {
  for (const position of positions.values()) position.at = BEGINNING;
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
