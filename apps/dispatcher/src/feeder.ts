/**
 * Feeds the lines of batches straight to the deployments' queues, a chunk at a time, through a bounded window.
 *
 * Lines come from each class's index in the file store, so the order of the file does not matter and a full pool holds up
 * only its own lines. Batches of a band take turns chunk by chunk. A chunk's record and the cursor move in one script; the
 * queue entries follow, and the sweeper adds what a crash between the two left out.
 */
import { readIndex } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import { feedChunks, readBatch } from '@sluice/ledger';
import type { Feed, Ledger, NewChunk, StoredBatch } from '@sluice/ledger';
import { chunkOf, drainingOf, entryOf, planFor } from './draining.ts';
import type { Draining, DrainingClass, Plan } from './draining.ts';
import type { Picture } from './picture.ts';
import { CHECK_PLACED_MS } from './placer.ts';
import type { Band, Placer, RunQueues } from './placer.ts';

export interface FeederPorts {
  ledger: Ledger;
  store: FileStore;
  placer: Placer;
  picture: Picture;
  queue: RunQueues;
  leaderToken: number;
  /** Lines of one batch that may be fed and not yet recorded. */
  windowLines: number;
  now: () => number;
  onError: (what: string, error: unknown) => void;
}

/** Index records held in memory per batch, over all its classes, and per class at least. */
const AHEAD_RECORDS = 8_192;
const LEAST_AHEAD = 256;
/** Chunks of one script call: bounded, so that no call holds Redis for long. */
const MOST_CHUNKS = 64;

export class Feeder {
  readonly #ports: FeederPorts;
  readonly #batches = new Map<string, Draining>();

  constructor(ports: FeederPorts) {
    this.#ports = ports;
  }

  get batches(): string[] {
    return [...this.#batches.keys()];
  }

  /** Starts (or goes on) draining a batch, from where its record says. */
  add(batch: StoredBatch): void {
    if (this.#batches.has(batch.id) || batch.status !== 'in_progress' || batch.paused) return;
    const draining = drainingOf(batch);
    this.#batches.set(batch.id, draining);
    for (const one of draining.classes) this.#refill(draining, one);
  }

  remove(id: string): void {
    this.#batches.delete(id);
  }

  /** Lines of the batch that are recorded by now. */
  recorded(id: string, lines: number): void {
    const batch = this.#batches.get(id);
    if (batch) batch.recorded = Math.max(batch.recorded, lines);
  }

  /** Gives every batch of a band its turns, until nothing has room. */
  feed(band: Band): void {
    const plans: Plan[] = [];
    const open = new Set(
      [...this.#batches.values()].filter((batch) => batch.band === band && !batch.feeding),
    );
    while (open.size > 0) {
      for (const batch of open) if (!this.#takeTurn(batch, plans)) open.delete(batch);
    }
    this.#rotate(band);
    for (const batch of new Set(plans.map((plan) => plan.batch))) {
      batch.feeding = true;
      void this.#send(
        batch,
        plans.filter((plan) => plan.batch === batch),
      );
    }
  }

  /** The batch that went first goes last next time. */
  #rotate(band: Band): void {
    for (const [id, batch] of this.#batches) {
      if (batch.band !== band) continue;
      this.#batches.delete(id);
      this.#batches.set(id, batch);
      return;
    }
  }

  /** One chunk of the first class that has room; false when none has. */
  #takeTurn(batch: Draining, plans: Plan[]): boolean {
    const left = this.#ports.windowLines - (batch.fed - batch.recorded);
    if (left <= 0) return false;
    return batch.classes.some((one) => this.#planChunk(batch, one, { plans, left }));
  }

  #planChunk(batch: Draining, one: DrainingClass, turn: { plans: Plan[]; left: number }): boolean {
    const plan = planFor(batch, one, turn.plans);
    const head = one.ahead[plan.lines];
    if (head === undefined || plan.chunks.length >= MOST_CHUNKS) return false;
    const choice = this.#ports.placer.choose(
      {
        shape: { characters: head.characters, maxOutput: head.maxOutput, inputs: 1 },
        jobs: Math.min(turn.left, one.ahead.length - plan.lines),
        band: 'batch',
        exclude: [],
        eligible: this.#ports.placer.eligible(one.pool, one.formats),
        minTier: 1,
        maxTier: batch.maxTier,
        waitingSince: this.#ports.now(),
      },
      one.pool,
    );
    if (choice.kind !== 'place') return false;
    const records = one.ahead.slice(plan.lines, plan.lines + choice.jobs);
    plan.chunks.push(
      chunkOf(batch, one, { records, at: one.cursor + plan.lines, choice, now: this.#ports.now() }),
    );
    plan.lines += records.length;
    batch.fed += records.length;
    if (!turn.plans.includes(plan)) turn.plans.push(plan);
    return true;
  }

  async #send(batch: Draining, plans: Plan[]): Promise<void> {
    try {
      await allEnded(plans.map((plan) => this.#sendPlan(batch, plan)));
    } catch (error) {
      this.#ports.onError('feeding', error);
      await this.#resume(batch);
    } finally {
      batch.feeding = false;
      for (const one of batch.classes) this.#refill(batch, one);
    }
  }

  async #sendPlan(batch: Draining, plan: Plan): Promise<void> {
    const { ledger, leaderToken, now } = this.#ports;
    const feed: Feed = {
      batch: batch.id,
      class: plan.class.index,
      cursor: plan.class.cursor,
      newCursor: plan.class.cursor + plan.lines,
      chunks: plan.chunks,
      checkAt: now() + CHECK_PLACED_MS,
      leaderToken,
    };
    const answer = await feedChunks(ledger, feed);
    if (answer !== 'fed') return this.#undo(batch, plan, answer);
    plan.class.ahead.splice(0, plan.lines);
    plan.class.cursor = feed.newCursor;
    await this.#enqueue(plan.chunks);
  }

  /** Nothing was placed after all. */
  async #undo(
    batch: Draining,
    plan: Plan,
    answer: 'moved' | 'not_leader' | 'not_draining',
  ): Promise<void> {
    for (const chunk of plan.chunks)
      this.#ports.picture.recount(chunk.deployment, -chunk.lines.length);
    if (answer === 'moved') await this.#resume(batch);
    else this.#batches.delete(batch.id);
  }

  /** Starts again from what the record says. */
  async #resume(batch: Draining): Promise<void> {
    this.#batches.delete(batch.id);
    const stored = await readBatch(this.#ports.ledger, batch.id).catch(() => null);
    if (stored) this.add(stored);
  }

  async #enqueue(chunks: readonly NewChunk[]): Promise<void> {
    const byDeployment = new Map<string, NewChunk[]>();
    for (const chunk of chunks) {
      const group = byDeployment.get(chunk.deployment);
      if (group) group.push(chunk);
      else byDeployment.set(chunk.deployment, [chunk]);
    }
    await Promise.all(
      [...byDeployment].map(([deployment, group]) =>
        this.#ports.queue(deployment).addBulk(group.map(entryOf)),
      ),
    );
  }

  #refill(batch: Draining, one: DrainingClass): void {
    const from = one.cursor + one.ahead.length;
    const most = Math.max(LEAST_AHEAD, Math.floor(AHEAD_RECORDS / batch.classes.length));
    if (one.loading || batch.feeding || one.ahead.length >= most / 2 || from >= one.jobs) return;
    one.loading = true;
    void this.#load(one, { from, count: Math.min(most, one.jobs - from) });
  }

  async #load(one: DrainingClass, run: { from: number; count: number }): Promise<void> {
    try {
      one.ahead.push(...(await readIndex(this.#ports.store, one.name, run)));
    } catch (error) {
      this.#ports.onError('reading an index', error);
    }
    one.loading = false;
    this.#ports.placer.pump();
  }
}

/** Throws the first failure, but not before the others have ended: what goes on from the record must find nothing half done. */
async function allEnded(work: readonly Promise<void>[]): Promise<void> {
  for (const end of await Promise.allSettled(work)) if (end.status === 'rejected') throw end.reason;
}
