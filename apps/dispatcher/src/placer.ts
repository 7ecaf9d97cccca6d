/**
 * The place where entries wait for a deployment, and the pump that places them, and lines of batches among them, in the order
 * of turns (fairness).
 *
 * Nothing is placed that the deployment cannot take within about a second (late binding), so whatever waits here can still
 * go anywhere.
 */
import type { Queue } from 'bullmq';
import { lotOf } from '@sluice/balancing';
import type { Choice, Drawn } from '@sluice/balancing';
import type { Room, Turn } from '@sluice/fairness';
import type { Priority, Shape } from '@sluice/job';
import { BAND, USUAL_CHARS_PER_TOKEN } from '@sluice/job';
import { checkLater, placeEntry, readWaiting } from '@sluice/ledger';
import type { Ledger, Waiting } from '@sluice/ledger';
import { entryJobId } from '@sluice/queues';
import type { EntryData } from '@sluice/queues';
import type { Chooser, Wanted } from './chooser.ts';
import { isLate } from './expire.ts';
import { askerOfEntry } from './lengths-book.ts';
import type { LengthsBook } from './lengths-book.ts';
import type { Picture } from './picture.ts';
import type { TurnBook, Used } from './turn-book.ts';

export type Band = 1 | 2 | 3;
export type RunQueues = (deployment: string) => Queue<EntryData>;

/** One pump's feeding of batches. */
export interface LineFeeding {
  /** Lines of the tenant's batches of that band; null = none of them may go anywhere now. */
  takeTurn(turn: Turn, most: number): { used: Used; finished: boolean } | null;
  /** Carries out what was taken. */
  end(): void;
}

export interface PlacerPorts {
  ledger: Ledger;
  chooser: Pick<Chooser, 'armOf' | 'choose' | 'countsDays' | 'eligible'>;
  turns: TurnBook;
  picture: Picture;
  lengths: Pick<LengthsBook, 'likely'>;
  queue: RunQueues;
  leaderToken: number;
  now: () => number;
  /** Turns of items whose id begins with {@link LINES} are the feeder's. */
  feed: () => LineFeeding;
  /** It is past its deadline: nothing of it begins any more. */
  onLate: (waiting: Waiting) => Promise<void>;
  /** More like it may wait in the ledger. */
  onMore: (waiting: Waiting) => void;
  /** An entry waits here now, or no longer. */
  onWaiting: (waiting: Waiting, waits: boolean) => void;
  onError: (what: string, error: unknown) => void;
}

interface Pending {
  waiting: Waiting;
  lane: string;
  since: number;
  done: (end: PlaceEnd) => void;
}

/**
 * `settled`: it needs nothing more of whoever brought it. `closed`: the term ended before it had a place; it goes back to where
 * it came from. `failed`: Redis refused something on the way; where it waited in the ledger it waits on.
 */
export type PlaceEnd = 'settled' | 'closed' | 'failed';

/** When the sweeper looks after something that was placed. */
export const CHECK_PLACED_MS = 15_000;
/** What ids of turns of batch lines begin with. */
export const LINES = 'lines ';
/** Between two pumps for interactive jobs that wait. */
const LEAST_WAIT_MS = 5;
const LATE = { kind: 'late' } as const;

type Found =
  | { kind: 'entry'; pending: Pending; choice: Exclude<Choice, { kind: 'wait' }> | typeof LATE }
  | { kind: 'lines'; used: Used; finished: boolean };

export class Placer {
  readonly #ports: PlacerPorts;
  readonly #pending = new Map<string, Pending>();
  readonly #known = new Set<string>();
  readonly #moving = new Set<Promise<void>>();
  #pumping = false;
  #soonestMs = Infinity;
  #again: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(ports: PlacerPorts) {
    this.#ports = ports;
  }

  /** Whether the entry waits here already. */
  has(id: string): boolean {
    return this.#known.has(id);
  }

  get waiting(): number {
    return this.#known.size;
  }

  /** Jobs and lines by pool that were placed before and wait here for another place: no backlog counts them. */
  get again(): Map<string, number> {
    const jobs = new Map<string, number>();
    for (const { waiting } of this.#pending.values())
      if (waiting.epoch > 0 || waiting.batch !== null)
        jobs.set(waiting.pool, (jobs.get(waiting.pool) ?? 0) + waiting.jobs);
    return jobs;
  }

  /**
   * Places an entry, now or when there is room; resolves when its move is made (or it turned out to have none to make).
   * An entry that moved on meanwhile has its recorded move repeated: the crash may have been before the queue add. Never
   * rejects.
   */
  async place(data: EntryData): Promise<PlaceEnd> {
    if (this.#closed) return 'closed';
    if (this.#known.has(data.id)) return 'settled';
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

  async #placeKnown(data: EntryData): Promise<PlaceEnd> {
    const waiting = await readWaiting(this.#ports.ledger, data.id);
    // The term may have ended while the record was read: its token moves nothing any more.
    if (this.#closed) return 'closed';
    if (!waiting || (waiting.status !== 'queued' && waiting.status !== 'running')) return 'settled';
    if (isLate(waiting, this.#ports.now())) {
      await this.#ports.onLate(waiting);
      return 'settled';
    }
    if (waiting.epoch === data.epoch) {
      if (data.more) this.#ports.onMore(waiting);
      return this.#line(waiting);
    }
    await this.#repeat(waiting);
    return 'settled';
  }

  #repeat(waiting: Waiting): Promise<void> {
    if (waiting.deployment === '' || waiting.status !== 'queued') return Promise.resolve();
    return this.#queue(waiting, waiting.deployment, waiting.epoch);
  }

  #line(waiting: Waiting): Promise<PlaceEnd> {
    return new Promise((done) => {
      const { turns, now } = this.#ports;
      const lane = this.#laneOf(waiting);
      this.#pending.set(waiting.id, { waiting, lane, since: now(), done });
      this.#ports.onWaiting(waiting, true);
      turns.arrive({
        id: waiting.id,
        tenant: waiting.tenant,
        band: waiting.priority as Priority,
        lane,
        deadlineAt: waiting.deadlineAt ?? Infinity,
      });
      this.pump();
    });
  }

  /** What waits here of these tenants. */
  *waitingOf(tenants: ReadonlySet<string>): Generator<Waiting> {
    for (const { waiting } of this.#pending.values())
      if (tenants.has(waiting.tenant)) yield waiting;
  }

  /** What waits here, one entry of each kind that finds room together. */
  *kinds(): Generator<Waiting> {
    const seen = new Set<string>();
    for (const { waiting, lane } of this.#pending.values()) {
      if (seen.has(lane)) continue;
      seen.add(lane);
      yield waiting;
    }
  }

  /** Forgets an entry that waits here and needs no place any more. */
  drop(id: string): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    this.#ports.turns.leave(id);
    this.#ports.onWaiting(pending.waiting, false);
    pending.done('settled');
  }

  /**
   * Ends the term: what waits here is left where the ledger says it is. Resolves when the moves under way are made, with
   * their queue entries: whoever leads next finds nothing half done.
   */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#again) clearTimeout(this.#again);
    for (const pending of this.#pending.values()) pending.done('closed');
    this.#pending.clear();
    await Promise.all(this.#moving);
  }

  /** Places whatever has room now. Cheap when nothing has. */
  pump(): void {
    const { picture, turns, feed } = this.#ports;
    if (this.#closed || this.#pumping || !picture.ready) return;
    this.#pumping = true;
    this.#soonestMs = Infinity;
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
      this.#pumping = false;
    }
    this.#pumpAgain();
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
    const pending = this.#pending.get(item.id) as Pending;
    const { chooser, turns, now } = this.#ports;
    if (isLate(pending.waiting, now())) return { kind: 'entry', pending, choice: LATE };
    if (full.has(lane)) return 'lane_full';
    if (pending.waiting.batch === null && turns.most(turn.tenant) < 1) return 'not_this_one';
    const choice = chooser.choose(this.#wanted(pending, overdue), pending.waiting.pool);
    if (choice.kind !== 'wait') return { kind: 'entry', pending, choice };
    if (band === 'interactive') this.#soonestMs = Math.min(this.#soonestMs, choice.retryInMs);
    full.add(lane);
    return 'lane_full';
  }

  #wanted({ waiting, since }: Pending, overdue: boolean): Wanted {
    return {
      shape: shapeOf(waiting),
      likely: this.#ports.lengths.likely(askerOfEntry(waiting)),
      jobs: waiting.jobs,
      band: waiting.priority === 'interactive' ? 'interactive' : overdue ? 'overdue' : 'batch',
      exclude: waiting.exclude,
      ...this.#drawnBy(waiting),
      minTier: waiting.minTier,
      maxTier: waiting.maxTier,
      shunned: shunnedNow(waiting, this.#ports.now()),
      waitingSince: since,
      prefixKey: waiting.prefix,
      keyHash: waiting.key,
      deadlineInMs: waiting.deadlineAt === null ? null : waiting.deadlineAt - this.#ports.now(),
    };
  }

  #drawnBy({ id, owner, lot, pool, formats }: Waiting): Drawn {
    const eligible = this.#ports.chooser.eligible(pool, formats);
    return { affinityKey: owner, lot: lot ?? lotOf(id), eligible };
  }

  /** Jobs that are kept to different arms do not find room together, nor do lines, which have places to go back to, and jobs. */
  #laneOf(waiting: Waiting): string {
    const { chooser } = this.#ports;
    const arm = chooser.armOf(waiting.pool, () => this.#drawnBy(waiting));
    const whose = waiting.batch === null ? '' : LINES;
    const lane = `${whose}${laneOf(waiting, chooser.countsDays(waiting.pool))}`;
    return arm === null ? lane : `${lane} for ${arm}`;
  }

  #take(turn: Turn, found: Found): void {
    const { turns } = this.#ports;
    if (found.kind === 'lines') return turns.used(turn, found.used, found.finished);
    const { pending, choice } = found;
    this.#pending.delete(turn.item.id);
    this.#ports.onWaiting(pending.waiting, false);
    turns.used(turn, choice.kind === 'place' ? this.#usedBy(pending.waiting, choice) : null, true);
    const moving = this.#carryOut(pending, choice).finally(() => this.#moving.delete(moving));
    this.#moving.add(moving);
  }

  #usedBy(waiting: Waiting, { deployment }: Extract<Choice, { kind: 'place' }>): Used {
    const { picture, lengths } = this.#ports;
    const { pool, jobs, id, batch } = waiting;
    const likely = lengths.likely(askerOfEntry(waiting));
    return {
      pool,
      jobs,
      cost: picture.cost(deployment, shapeOf(waiting), likely),
      callMs: picture.load(deployment)?.meanLatencyMs ?? 0,
      id: batch === null ? id : null,
    };
  }

  async #carryOut(
    { waiting, done }: Pending,
    choice: Exclude<Choice, { kind: 'wait' }> | typeof LATE,
  ): Promise<void> {
    let end: PlaceEnd = 'settled';
    try {
      if (choice.kind === 'late') await this.#ports.onLate(waiting);
      // `never`: none of its pool's deployments can run it since the config changed. It waits for its deadline in the ledger.
      else if (choice.kind === 'place') end = await this.#move(waiting, choice);
      else await this.#tryLater(waiting);
    } catch (error) {
      this.#ports.onError('placing', error);
      end = 'failed';
    } finally {
      done(end);
    }
  }

  #tryLater({ id, deadlineAt }: Waiting): Promise<void> {
    const { ledger, now } = this.#ports;
    return checkLater(ledger, id, Math.min(now() + CHECK_PLACED_MS, deadlineAt ?? Infinity));
  }

  /** `closed`: another leads by now; the entry goes back for it. */
  async #move(waiting: Waiting, choice: Extract<Choice, { kind: 'place' }>): Promise<PlaceEnd> {
    const { ledger, leaderToken, picture, lengths } = this.#ports;
    const now = this.#ports.now();
    const likely = lengths.likely(askerOfEntry(waiting));
    const expects = picture.expects(choice.deployment, shapeOf(waiting), likely);
    const moved = await placeEntry(ledger, {
      id: waiting.id,
      epoch: waiting.epoch,
      deployment: choice.deployment,
      tier: choice.tier,
      ...(choice.insteadOf !== undefined && { arm: choice.insteadOf }),
      expects: expects === null ? null : Math.round(expects),
      checkAt: now + CHECK_PLACED_MS,
      leaderToken,
      now,
    });
    // `choose` counted what may travel together; an entry travels whole.
    const jobs = moved.kind === 'moved' ? waiting.jobs - choice.jobs : -choice.jobs;
    if (jobs !== 0) picture.recount(choice.deployment, jobs);
    if (moved.kind === 'moved') {
      picture.given.count({ ...choice, pool: waiting.pool }, waiting.jobs, now);
      await this.#queue(waiting, choice.deployment, moved.epoch);
    } else if (moved.kind === 'moved_before') {
      await this.#repeat({
        ...waiting,
        epoch: moved.epoch,
        deployment: moved.deployment,
        status: 'queued',
      });
    }
    return moved.kind === 'not_leader' ? 'closed' : 'settled';
  }

  async #queue(waiting: Waiting, deployment: string, epoch: number): Promise<void> {
    const data = { id: waiting.id, epoch };
    const options = { jobId: entryJobId(data), priority: bandOf(waiting.priority) };
    await this.#ports.queue(deployment).add('run', data, options);
  }
}

export const shapeOf = ({ characters, maxOutput }: Waiting): Shape => ({
  characters,
  maxOutput,
  inputs: 1,
});

/** Where it shall not go now. */
export const shunnedNow = ({ shunned }: Waiting, now: number): string | null =>
  shunned !== null && shunned.until > now ? shunned.deployment : null;

/**
 * What finds room together or not at all. An entry that failed has places where it does not want to go; `bySize`: of what is
 * left of a day small ones may find room where large ones do not.
 */
function laneOf(waiting: Waiting, bySize: boolean): string {
  const { pool, formats, exclude, minTier, maxTier, shunned } = waiting;
  const spoilt = exclude.length > 0 || minTier > 1 ? ` not ${exclude.join(',')} ${minTier}` : '';
  const size = bySize ? ` size ${sizeOf(waiting)}${shunned ? ' shunned' : ''}` : '';
  return `${pool} ${formats}${maxTier === null ? '' : ` to ${maxTier}`}${spoilt}${size}`;
}

/** Two steps for every doubling of what it may take. */
const sizeOf = ({ characters, maxOutput }: Waiting): number =>
  Math.round(2 * Math.log2(1 + characters / USUAL_CHARS_PER_TOKEN + (maxOutput ?? 0)));

export const bandOf = (priority: string): Band => BAND[priority as Priority] ?? 3;
