/**
 * Brings entries to where they wait for a deployment, and the pump that places them, and lines of batches among them, in the
 * order of turns (fairness).
 *
 * Nothing is placed that the deployment cannot take within about a second (late binding), so whatever waits here can still
 * go anywhere.
 */
import type { Choice } from '@sluice/balancing';
import type { Room, Turn } from '@sluice/fairness';
import type { Priority } from '@sluice/job';
import { readWaiting } from '@sluice/ledger';
import type { Waiting } from '@sluice/ledger';
import type { EntryData } from '@sluice/queues';
import type { AgainBook } from './again-book.ts';
import type { Chooser, Wanted } from './chooser.ts';
import { laneOfEntry } from './entry-lane.ts';
import { EntryMoves } from './entry-moves.ts';
import type { Decided, MovesPorts, Place } from './entry-moves.ts';
import { drawnBy, shapeOf, wantedOf } from './entry-wanted.ts';
import { isLate } from './expire.ts';
import { askerOfEntry } from './lengths-book.ts';
import type { Likely } from './lengths-book.ts';
import { LINES } from './line-feeding.ts';
import type { Fed, LineFeeding } from './line-feeding.ts';
import { CHECK_PLACED_MS } from './run-entry.ts';
import type { TurnBook, Used } from './turn-book.ts';
import { WaitingEntries } from './waiting-entries.ts';
import type { Pending, PlaceEnd } from './waiting-entries.ts';

export interface PlacerPorts extends MovesPorts {
  chooser: Pick<Chooser, 'armOf' | 'choose' | 'countsDays' | 'eligible'>;
  turns: TurnBook;
  /** Turns of items whose id begins with {@link LINES} are the feeder's. */
  feed: () => LineFeeding;
  /** More like it may wait in the ledger. */
  onMore: (waiting: Waiting) => void;
  /** An entry waits here now, or no longer. */
  onWaiting: (waiting: Waiting, waits: boolean) => void;
  /** Until what Redis refused is tried again. Default: a second. */
  againMs?: number;
  /** Lines of batches with a ceiling. */
  again?: Pick<AgainBook, 'paid' | 'hold' | 'placed' | 'moved'>;
}

const AGAIN_MS = 1_000;
/** Until the sweeper looks after it. */
const TRIES = CHECK_PLACED_MS / AGAIN_MS;

/** Between two pumps for interactive jobs that wait. */
const LEAST_WAIT_MS = 5;

type Found =
  | { kind: 'entry'; pending: Pending; decided: Decided }
  /** What is left of its batch's ceiling pays for no place that takes it now. */
  | { kind: 'unpaid'; pending: Pending }
  | ({ kind: 'lines' } & Fed);

export class Placer {
  readonly #ports: PlacerPorts;
  readonly entries: WaitingEntries;
  readonly #moves: EntryMoves;
  readonly #known = new Set<string>();
  #pumping = false;
  #soonestMs = Infinity;
  #again: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(ports: PlacerPorts) {
    this.#ports = ports;
    this.entries = new WaitingEntries(ports.onWaiting);
    this.#moves = new EntryMoves({
      ...ports,
      onMoved: (waiting) => ports.again?.moved(waiting),
      onSplit: (ids) => {
        for (const id of ids) void this.placePatiently({ id, epoch: 0 });
      },
    });
  }

  /** Whether the entry waits here already. */
  has(id: string): boolean {
    return this.#known.has(id) || this.entries.get(id) !== undefined;
  }

  get waiting(): number {
    return this.#known.size;
  }

  /**
   * Places an entry, now or when there is room; resolves when its move is made (or it turned out to have none to make).
   * An entry that moved on meanwhile has its recorded move repeated: the crash may have been before the queue add. Never
   * rejects.
   */
  async place(data: EntryData): Promise<PlaceEnd> {
    if (this.#closed) return 'closed';
    if (this.has(data.id)) return 'settled';
    this.#known.add(data.id);
    try {
      return await this.#placeKnown(data);
    } catch (error) {
      this.#ports.onError('placing', error);
      return 'failed';
    } finally {
      this.#known.delete(data.id);
    }
  }

  /** The same, tried again where Redis refuses, as when it is full, until the sweeper looks after the entry: others would wait for that. */
  async placePatiently(data: EntryData): Promise<PlaceEnd> {
    const { againMs = AGAIN_MS } = this.#ports;
    let end = await this.place(data);
    for (let tries = 1; end === 'failed' && tries < TRIES; tries++) {
      await new Promise((resolve) => setTimeout(resolve, againMs));
      end = await this.place(data);
    }
    return end;
  }

  async #placeKnown(data: EntryData): Promise<PlaceEnd> {
    const waiting = await readWaiting(this.#ports.ledger, data.id);
    // The term may have ended while the record was read: its token moves nothing any more.
    if (this.#closed) return 'closed';
    if (!waiting || (waiting.status !== 'queued' && waiting.status !== 'running')) return 'settled';
    if (isLate(waiting, this.#ports.now())) {
      await this.#moves.during(() => this.#ports.onLate(waiting));
      return 'settled';
    }
    if (waiting.epoch === data.epoch) {
      if (data.more) this.#ports.onMore(waiting);
      return this.#line(waiting);
    }
    await this.#moves.during(() => this.#moves.repeat(waiting));
    return 'settled';
  }

  #line(waiting: Waiting): Promise<PlaceEnd> {
    return new Promise((done) => {
      const { chooser, now } = this.#ports;
      const pending = { waiting, lane: laneOfEntry(waiting, chooser), since: now(), done };
      this.entries.add(pending);
      this.#arrive(pending);
      this.pump();
    });
  }

  #arrive({ waiting, lane }: Pending): void {
    this.#ports.turns.arrive({
      id: waiting.id,
      tenant: waiting.tenant,
      band: waiting.priority as Priority,
      lane,
      deadlineAt: waiting.deadlineAt ?? Infinity,
      // A batch's lines are placed where they are fed: these were.
      again: waiting.batch !== null,
    });
  }

  /** Entries that waited for what is left of a ceiling have their turns again. */
  release(ids: readonly string[]): void {
    if (this.#closed) return;
    for (const pending of ids.map((id) => this.entries.get(id))) if (pending) this.#arrive(pending);
    this.pump();
  }

  /** Forgets an entry that waits here and needs no place any more. */
  drop(id: string): void {
    const pending = this.entries.take(id);
    if (!pending) return;
    this.#ports.turns.leave(id);
    pending.done('settled');
  }

  /**
   * Ends the term: what waits here is left where the ledger says it is. Resolves when the moves under way are made or
   * repeated, with their queue entries, and late entries are ended: whoever leads next finds nothing half done.
   */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#again) clearTimeout(this.#again);
    this.entries.close();
    await this.#moves.ended();
  }

  /** Places whatever has room now. Cheap when nothing has. Never throws: who calls it has other things to see to. */
  pump(): void {
    const { picture, onError } = this.#ports;
    if (this.#closed || this.#pumping || !picture.ready) return;
    this.#pumping = true;
    this.#soonestMs = Infinity;
    try {
      this.#placeAll();
    } catch (error) {
      onError('placing what waits', error);
    } finally {
      this.#pumping = false;
    }
    this.#pumpAgain();
  }

  #placeAll(): void {
    const { turns, feed } = this.#ports;
    const feeding = feed();
    try {
      turns.release();
      // Nothing gets emptier while this runs: a lane that was full stays so.
      const full = new Set<string>();
      const roomFor = (turn: Turn): Found | Exclude<Room, 'yes'> =>
        turn.item.id.startsWith(LINES)
          ? this.#roomForLines(turn, feeding)
          : this.#roomForEntry(turn, full);
      for (let next = turns.next(roomFor); next; next = turns.next(roomFor)) this.#take(...next);
    } finally {
      feeding.end();
    }
  }

  /** The next look at the fleet may be too late for an interactive job: what it waits for comes at a moment that is known. */
  #pumpAgain(): void {
    if (this.#again) clearTimeout(this.#again);
    this.#again = null;
    if (this.#soonestMs === Infinity) return;
    this.#again = setTimeout(() => this.pump(), Math.max(LEAST_WAIT_MS, this.#soonestMs));
  }

  #roomForLines(turn: Turn, feeding: LineFeeding): Found | 'not_this_one' {
    const most = this.#ports.turns.most(turn.tenant);
    const fed = most < 1 ? null : feeding.takeTurn(turn, most);
    return fed ? { kind: 'lines', ...fed } : 'not_this_one';
  }

  #roomForEntry(turn: Turn, full: Set<string>): Found | Exclude<Room, 'yes'> {
    const { item, band, overdue } = turn;
    const lane = `${band} ${overdue} ${item.lane}`;
    const pending = this.entries.get(item.id) as Pending;
    const { chooser, turns, now } = this.#ports;
    const { waiting, since } = pending;
    if (isLate(waiting, now())) return { kind: 'entry', pending, decided: { kind: 'late' } };
    if (full.has(lane)) return 'lane_full';
    if (waiting.batch === null && turns.most(turn.tenant) < 1) return 'not_this_one';
    const drawn = drawnBy(waiting, chooser);
    const likely = this.#likely(waiting);
    const wanted = wantedOf(waiting, { drawn, likely, overdue, since, now: now() });
    const decided = this.#choose(waiting, wanted);
    if (decided === null) return { kind: 'unpaid', pending };
    if (decided.kind !== 'wait') return { kind: 'entry', pending, decided };
    if (band === 'interactive') this.#soonestMs = Math.min(this.#soonestMs, decided.retryInMs);
    full.add(lane);
    return 'lane_full';
  }

  /** Null = no place that its batch's ceiling pays for takes it now. */
  #choose(waiting: Waiting, wanted: Wanted): Choice | { kind: 'split' } | null {
    const { chooser, again } = this.#ports;
    const paid = again?.paid(waiting) ?? null;
    if (paid === null) return chooser.choose(wanted, waiting.pool);
    for (const among of [paid.among, ...paid.passing.map((id) => new Set([id]))]) {
      const choice = among.size > 0 ? chooser.choose(wanted, waiting.pool, among) : null;
      if (choice?.kind === 'place') return choice;
    }
    return paid.splits ? { kind: 'split' } : null;
  }

  #likely = (waiting: Waiting): Likely => this.#ports.lengths.likely(askerOfEntry(waiting));

  #take(turn: Turn, found: Found): void {
    const { turns, again } = this.#ports;
    if (found.kind === 'lines') return turns.used(turn, found.used, found.finished);
    if (found.kind === 'unpaid') {
      again?.hold(found.pending.waiting);
      // That may take days: whoever brought it brings others meanwhile. Should this term end, the sweeper finds it.
      found.pending.done('settled');
      return turns.used(turn, null, true);
    }
    const { pending, decided } = found;
    this.entries.take(turn.item.id);
    if (decided.kind === 'place') again?.placed(pending.waiting, decided.deployment);
    turns.used(
      turn,
      decided.kind === 'place' ? this.#usedBy(pending.waiting, decided) : null,
      true,
    );
    this.#moves.begin(pending, decided);
  }

  #usedBy(waiting: Waiting, { deployment }: Place): Used {
    const { picture } = this.#ports;
    const { pool, jobs, id, batch } = waiting;
    return {
      pool,
      jobs,
      cost: picture.cost(deployment, shapeOf(waiting), this.#likely(waiting)),
      callMs: picture.load(deployment)?.meanLatencyMs ?? 0,
      id: batch === null ? id : null,
    };
  }
}
