/**
 * Feeds the lines of batches straight to the deployments' queues, a chunk at a time, through a bounded window.
 *
 * Lines come from each class's index in the file store, so the order of the file does not matter and a full pool holds up
 * only its own lines. A tenant's batches of a band have their turns together, the earliest deadline first, a chunk at a time.
 * A chunk's record and the cursor move in one script; the queue entries follow, and the sweeper adds what a crash between
 * the two left out.
 */
import type { Priority } from '@sluice/job';
import { readIndex, readKeyedIndex } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import { feedChunks, readBatch } from '@sluice/ledger';
import type { Feed, Ledger, NewChunk, StoredBatch } from '@sluice/ledger';
import type { AgainBook } from './again-book.ts';
import { ceilingAfter } from './ceiling.ts';
import { drainingOf, laneOf } from './draining.ts';
import type { Draining, DrainingClass, Helping } from './draining.ts';
import { DrainingBook } from './draining-book.ts';
import type { FirstInTurn, Share } from './draining-book.ts';
import { FeedRound } from './feed-round.ts';
import type { RoundPorts, Taken } from './feed-round.ts';
import { LINES } from './line-feeding.ts';
import type { LineFeeding } from './line-feeding.ts';
import { HELD_LOOK_MS } from './priced-lines.ts';
import { CHECK_PLACED_MS, entryOf } from './run-entry.ts';
import type { RunQueues } from './run-entry.ts';
import type { TurnBook, Used } from './turn-book.ts';

export interface FeederPorts extends RoundPorts {
  ledger: Ledger;
  store: FileStore;
  turns: TurnBook;
  /** There may be something to place. */
  pump: () => void;
  queue: RunQueues;
  /** Lines of batches with a ceiling that are placed again. */
  again?: Pick<AgainBook, 'holds' | 'rest' | 'goOn' | 'look'>;
  leaderToken: number;
  onError: (what: string, error: unknown) => void;
}

/** Index records held in memory per batch, over all its classes, and per class at least. */
const AHEAD_RECORDS = 8_192;
const LEAST_AHEAD = 256;
const READ_AGAIN_MS = 500;

type Answer = Awaited<ReturnType<typeof feedChunks>>;

export class Feeder {
  readonly #ports: FeederPorts;
  readonly #batches: DrainingBook;
  readonly #lookedAt = new WeakMap<Draining, number>();

  constructor(ports: FeederPorts) {
    this.#ports = ports;
    const { spills, now } = ports;
    this.#batches = new DrainingBook((batch, one, by) =>
      spills.count(laneOf(batch, one), by, now()),
    );
  }

  get batches(): string[] {
    return this.#batches.ids;
  }

  get draining(): Draining[] {
    return this.#batches.all;
  }

  /** A batch that is being drained. */
  find(id: string): Draining | undefined {
    return this.#batches.get(id);
  }

  /** Lines that wait to be fed; null when nothing drains. */
  get waiting(): number | null {
    if (this.#batches.size === 0) return null;
    let lines = 0;
    for (const unfed of this.unfed.values()) lines += unfed;
    return lines;
  }

  /** The same by pool. */
  get unfed(): ReadonlyMap<string, number> {
    return this.#batches.unfed;
  }

  get firstInTurn(): FirstInTurn[] {
    return this.#batches.firstInTurn;
  }

  /** Starts (or goes on) draining a batch, from where its record says: with the next plan. */
  add(batch: StoredBatch): void {
    if (this.#batches.get(batch.id) || batch.status !== 'in_progress') return;
    if (batch.paused) return this.#rest(batch);
    const draining = drainingOf(batch);
    this.#batches.add(draining);
    this.#ports.again?.goOn(batch.id);
    this.#ports.book.ask();
    for (const one of draining.classes) this.#refill(draining, one);
  }

  /** It drains no more: it has ended, or is to be read anew. */
  remove(id: string): void {
    this.#leave(id);
    this.#ports.again?.goOn(id);
  }

  /** It is paused. */
  setAside(batch: Pick<StoredBatch, 'id' | 'maxCostUsd'>): void {
    this.#leave(batch.id);
    this.#rest(batch);
  }

  #rest({ id, maxCostUsd }: Pick<StoredBatch, 'id' | 'maxCostUsd'>): void {
    if (maxCostUsd !== null) this.#ports.again?.rest(id);
    else this.#ports.again?.goOn(id);
  }

  #leave(id: string): void {
    const batch = this.#batches.get(id);
    if (!batch) return;
    this.#batches.remove(batch);
    this.#ports.book.ask();
    if (!this.#batches.shareOf(batch)) this.#ports.turns.leave(turnId(batch));
  }

  /** Lines of the tenant's batches that are fed and not recorded. */
  linesOut(tenant: string): number {
    return this.#batches.linesOut(tenant);
  }

  /** Lines of the batch that are recorded by now. */
  recorded(id: string, lines: number): void {
    const batch = this.#batches.get(id);
    if (!batch || lines <= batch.recorded) return;
    batch.recorded = lines;
    this.#batches.note(batch);
    if (batch.ceiling?.held || this.#ports.again?.holds(id)) void this.#lookSoon(batch);
  }

  /** What ended may leave something of its ceiling, and it waits for that: nobody waits for the next round of all batches. */
  async #lookSoon(batch: Draining): Promise<void> {
    const { ledger, now, onError } = this.#ports;
    if (now() - (this.#lookedAt.get(batch) ?? 0) < HELD_LOOK_MS) return;
    this.#lookedAt.set(batch, now());
    try {
      const stored = await readBatch(ledger, batch.id);
      if (stored && this.#batches.get(batch.id) === batch) this.settle(stored);
    } catch (error) {
      onError('reading a batch', error);
    }
  }

  /** What the batch's record says of its answers: its tenant is charged for what they really used, and its ceiling knows what they cost. */
  settle(stored: StoredBatch): void {
    const { id, completed, failed, usage } = stored;
    const batch = this.#batches.get(id);
    if (batch) this.#lookAtCeiling(batch, stored);
    const pool = batch?.classes[0]?.pool;
    if (!batch || pool === undefined || batch.counted.lines === 0) return;
    const { counted } = batch;
    const share = (completed + failed - counted.before.recorded) / counted.lines;
    const input = usage.input - counted.before.input - share * counted.input;
    const output = usage.output - counted.before.output - share * counted.output;
    const { settled } = counted;
    this.#ports.turns.settle(
      { tenant: batch.tenant, band: batch.priority as Priority },
      { pool, input: input - settled.input, output: output - settled.output },
    );
    counted.settled = { input, output };
  }

  /** Whatever of it has ended leaves what it was kept for its others, who may have turns again. */
  #lookAtCeiling(batch: Draining, stored: StoredBatch): void {
    const wasHeld = batch.ceiling?.held ?? false;
    const ceiling = ceilingAfter(batch.ceiling, { ...stored, fed: batch.fed });
    const isOther = ceiling?.usd !== batch.ceiling?.usd;
    batch.ceiling = ceiling;
    if (isOther) this.#ports.again?.goOn(batch.id);
    else this.#ports.again?.look(batch.id);
    if (!wasHeld || !new FeedRound(this.#ports, this.#batches).isPaid(batch)) return;
    if (ceiling) ceiling.held = false;
    this.#batches.note(batch);
    const share = this.#batches.shareOf(batch);
    if (share) this.#arrive(share);
    this.#ports.pump();
  }

  /** Whether a batch of the tenant and band will miss its deadline at its fair share. */
  setUrgent(batch: Pick<Draining, 'tenant' | 'priority'>, urgent: boolean): void {
    this.#ports.turns.setUrgent(turnId(batch), urgent);
  }

  /**
   * A plan was made for these batches (or could not be): they begin, if they have not. Where an index could not be read, it is
   * tried again: nothing else happens to a batch that has no lines to feed.
   */
  planned(batches: readonly Draining[]): void {
    for (const batch of batches) {
      if (this.#batches.get(batch.id) !== batch) continue;
      batch.planned = true;
      this.#batches.note(batch);
      for (const one of batch.classes) this.#refill(batch, one);
    }
    for (const share of this.#batches.shares) this.#arrive(share);
    this.#ports.pump();
  }

  #arrive({ batches: [first] }: Share): void {
    if (!first) return;
    const { tenant, priority, expiresAt: deadlineAt } = first;
    const band = priority as Priority;
    this.#ports.turns.arrive({ id: turnId(first), tenant, band, lane: 'lines', deadlineAt });
  }

  /** One round of turns: chunks are taken one by one, and sent together when it ends. */
  feed(): LineFeeding {
    const round = new FeedRound(this.#ports, this.#batches);
    const full = new Set<Draining>();
    return {
      takeTurn: ({ item, tenant, overdue }, most) => {
        const of = { tenant, priority: item.band };
        for (const batch of this.#batches.shareOf(of)?.batches ?? []) {
          if (batch.feeding || full.has(batch)) continue;
          const taken = round.takeTurn(batch, { most, overdue });
          if (!taken) full.add(batch);
          else {
            const finished = !this.#batches.shareOf(of);
            return { used: this.#used(batch, taken), finished };
          }
        }
        return null;
      },
      end: () => this.#sendAll(round.helpings),
    };
  }

  #used({ counted }: Draining, { class: one, deployment, lines, head, likely }: Taken): Used {
    const { picture } = this.#ports;
    const { characters, maxOutput } = head;
    const cost = picture.cost(deployment, { characters, maxOutput, inputs: 1 }, likely);
    counted.lines += lines;
    counted.input += lines * cost.input;
    counted.output += lines * cost.output;
    const callMs = picture.load(deployment)?.meanLatencyMs ?? 0;
    return { pool: one.pool, jobs: lines, cost, callMs, id: null };
  }

  #sendAll(helpings: readonly Helping[]): void {
    for (const batch of new Set(helpings.map((one) => one.batch))) {
      batch.feeding = true;
      void this.#send(
        batch,
        helpings.filter((one) => one.batch === batch),
      );
    }
  }

  /** All of it is sent before anything is made of the answers: what goes on from the record finds nothing half done. */
  async #send(batch: Draining, helpings: readonly Helping[]): Promise<void> {
    const ends = await Promise.allSettled(helpings.map((one) => this.#sendOne(one)));
    const failed = ends.find((end) => end.status === 'rejected');
    const answers = new Set(ends.map((end) => (end.status === 'fulfilled' ? end.value : 'moved')));
    if (failed?.status === 'rejected') this.#ports.onError('feeding', failed.reason);
    if (answers.has('not_leader')) this.remove(batch.id);
    // One that was paused or cancelled drains no more; it may have been resumed meanwhile.
    else if (answers.has('not_draining') || answers.has('moved')) await this.#resume(batch.id);
    batch.feeding = false;
    for (const one of batch.classes) this.#refill(batch, one);
  }

  /** What does not come to the queues, for whatever reason, is not counted as placed. */
  async #sendOne(helping: Helping): Promise<Answer> {
    const { picture } = this.#ports;
    const to = new Set(helping.chunks.map(({ deployment }) => deployment));
    let answer: Answer | null = null;
    try {
      return (answer = await picture.onTheWay.during(to, this.#feedOne(helping)));
    } finally {
      if (answer !== 'fed')
        for (const { deployment, lines } of helping.chunks)
          picture.recount(deployment, -lines.length);
    }
  }

  async #feedOne({ batch, class: one, chunks, lines }: Helping): Promise<Answer> {
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
    if (answer !== 'fed') return answer;
    one.ahead.splice(0, lines);
    one.cursor = feed.newCursor;
    for (const chunk of chunks) this.#ports.picture.given.count(chunk, chunk.lines.length, now());
    await this.#enqueue(chunks);
    return answer;
  }

  /** Starts again from what the record says, and asks for that until it is told: nobody else looks after the batch for a minute. */
  async #resume(id: string): Promise<void> {
    // Until it is read, nobody here knows its ceiling.
    if (this.#batches.get(id)?.ceiling) this.#ports.again?.rest(id);
    this.#leave(id);
    try {
      const stored = await readBatch(this.#ports.ledger, id);
      if (stored?.status === 'in_progress') this.add(stored);
      else this.#ports.again?.goOn(id);
    } catch (error) {
      this.#ports.onError('reading a batch', error);
      setTimeout(() => this.#batches.get(id) ?? void this.#resume(id), READ_AGAIN_MS).unref();
    }
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
      const read = one.keyed ? readKeyedIndex : readIndex;
      one.ahead.push(...(await read(this.#ports.store, one.name, run)));
    } catch (error) {
      this.#ports.onError('reading an index', error);
    }
    one.loading = false;
    this.#ports.pump();
  }
}

const turnId = ({ tenant, priority }: Pick<Draining, 'tenant' | 'priority'>): string =>
  `${LINES}${priority} ${tenant}`;
