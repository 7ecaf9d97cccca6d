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
import { drainingOf, entryOf } from './draining.ts';
import type { Draining, DrainingClass, Helping } from './draining.ts';
import { FeedRound } from './feed-round.ts';
import type { RoundPorts } from './feed-round.ts';
import { CHECK_PLACED_MS } from './placer.ts';
import type { Band, Placer, RunQueues } from './placer.ts';

export interface FeederPorts extends Omit<RoundPorts, 'placer'> {
  ledger: Ledger;
  store: FileStore;
  placer: RoundPorts['placer'] & Pick<Placer, 'pump'>;
  queue: RunQueues;
  leaderToken: number;
  onError: (what: string, error: unknown) => void;
}

/** Index records held in memory per batch, over all its classes, and per class at least. */
const AHEAD_RECORDS = 8_192;
const LEAST_AHEAD = 256;

type Answer = Awaited<ReturnType<typeof feedChunks>>;

export class Feeder {
  readonly #ports: FeederPorts;
  readonly #batches = new Map<string, Draining>();

  constructor(ports: FeederPorts) {
    this.#ports = ports;
  }

  get batches(): string[] {
    return [...this.#batches.keys()];
  }

  get draining(): Draining[] {
    return [...this.#batches.values()];
  }

  /** Lines that wait to be fed; null when nothing drains. */
  get waiting(): number | null {
    if (this.#batches.size === 0) return null;
    let lines = 0;
    for (const { classes } of this.#batches.values())
      for (const one of classes) lines += one.jobs - one.taken;
    return lines;
  }

  /** Starts (or goes on) draining a batch, from where its record says: with the next plan. */
  add(batch: StoredBatch): void {
    if (this.#batches.has(batch.id) || batch.status !== 'in_progress' || batch.paused) return;
    const draining = drainingOf(batch);
    this.#batches.set(batch.id, draining);
    this.#ports.book.ask();
    for (const one of draining.classes) this.#refill(draining, one);
  }

  remove(id: string): void {
    if (this.#batches.delete(id)) this.#ports.book.ask();
  }

  /** Lines of the batch that are recorded by now. */
  recorded(id: string, lines: number): void {
    const batch = this.#batches.get(id);
    if (batch) batch.recorded = Math.max(batch.recorded, lines);
  }

  /** A plan was made (or could not be): whatever waited for it begins. */
  planned(): void {
    for (const batch of this.#batches.values()) batch.planned = true;
    this.#ports.placer.pump();
  }

  /** Gives every batch of a band its turns, until nothing has room. */
  feed(band: Band): void {
    const all = this.draining.filter((batch) => batch.planned);
    const open = new Set(all.filter((batch) => batch.band === band && !batch.feeding));
    if (open.size === 0) return;
    const round = new FeedRound(
      this.#ports,
      all.filter((batch) => batch.band <= band),
    );
    while (open.size > 0) {
      for (const batch of open) if (round.takeTurn(batch) === 0) open.delete(batch);
    }
    this.#rotate(band);
    const { helpings } = round;
    for (const batch of new Set(helpings.map((one) => one.batch))) {
      batch.feeding = true;
      void this.#send(
        batch,
        helpings.filter((one) => one.batch === batch),
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

  /** All of it is sent before anything is made of the answers: what goes on from the record finds nothing half done. */
  async #send(batch: Draining, helpings: readonly Helping[]): Promise<void> {
    const ends = await Promise.allSettled(helpings.map((one) => this.#sendOne(one)));
    const failed = ends.find((end) => end.status === 'rejected');
    const answers = new Set(ends.map((end) => (end.status === 'fulfilled' ? end.value : 'moved')));
    if (failed?.status === 'rejected') this.#ports.onError('feeding', failed.reason);
    if (answers.has('not_draining') || answers.has('not_leader')) this.#batches.delete(batch.id);
    else if (answers.has('moved')) await this.#resume(batch);
    batch.feeding = false;
    for (const one of batch.classes) this.#refill(batch, one);
  }

  async #sendOne({ batch, class: one, chunks, lines }: Helping): Promise<Answer> {
    const { ledger, leaderToken, now } = this.#ports;
    const feed: Feed = {
      batch: batch.id,
      class: one.index,
      cursor: one.cursor,
      newCursor: one.cursor + lines,
      chunks,
      checkAt: now() + CHECK_PLACED_MS,
      leaderToken,
    };
    const answer = await feedChunks(ledger, feed);
    if (answer !== 'fed') {
      for (const { deployment, lines: unfed } of chunks)
        this.#ports.picture.recount(deployment, -unfed.length);
      return answer;
    }
    one.ahead.splice(0, lines);
    one.cursor = feed.newCursor;
    await this.#enqueue(chunks);
    return answer;
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
