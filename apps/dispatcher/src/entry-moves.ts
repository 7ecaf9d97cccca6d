/** Carries out what was decided of entries: each is moved in the ledger, and gets its queue entry after that. */
import type { Choice } from '@sluice/balancing';
import { checkLater, placeEntry, splitChunk } from '@sluice/ledger';
import type { Ledger, Moved, Waiting } from '@sluice/ledger';
import { shapeOf } from './entry-wanted.ts';
import { askerOfEntry } from './lengths-book.ts';
import type { LengthsBook } from './lengths-book.ts';
import type { Picture } from './picture.ts';
import { CHECK_PLACED_MS, entryOf } from './run-entry.ts';
import type { RunQueues } from './run-entry.ts';
import type { Pending, PlaceEnd } from './waiting-entries.ts';

export interface MovesPorts {
  ledger: Ledger;
  picture: Picture;
  lengths: Pick<LengthsBook, 'likely'>;
  queue: RunQueues;
  leaderToken: number;
  now: () => number;
  /** It is past its deadline: nothing of it begins any more. */
  onLate: (waiting: Waiting) => Promise<void>;
  /** It has left where it was. */
  onMoved?: (waiting: Waiting) => void;
  /** Its lines are chunks of their own now, of epoch 0, which wait for places. */
  onSplit?: (ids: readonly string[]) => void;
  onError: (what: string, error: unknown) => void;
}

export type Place = Extract<Choice, { kind: 'place' }>;

/** Of an entry that waits no longer. `split`: its lines are to be placed one by one. */
export type Decided = Exclude<Choice, { kind: 'wait' }> | { kind: 'late' } | { kind: 'split' };

/** Until the sweeper looks after lines that were split and that nobody here heard of, ms. */
const SPLIT_UNHEARD_MS = 1_000;

export class EntryMoves {
  readonly #ports: MovesPorts;
  readonly #underWay = new Set<Promise<void>>();

  constructor(ports: MovesPorts) {
    this.#ports = ports;
  }

  /** Tells whoever brought it how it ended. */
  begin(pending: Pending, decided: Decided): void {
    const to = new Set(decided.kind === 'place' ? [decided.deployment] : []);
    const moving = this.#ports.picture.onTheWay
      .during(to, this.#carryOut(pending, decided))
      .finally(() => this.#underWay.delete(moving));
    this.#underWay.add(moving);
  }

  /** Resolves when the moves under way are made, with their queue entries. */
  async ended(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** Something is done for an entry that is no move: it counts as under way all the same. */
  during<T>(begin: () => Promise<T>): Promise<T> {
    // Begun only once it counts: it may be what ends the term.
    const doing = Promise.resolve().then(begin);
    const ended = doing
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => this.#underWay.delete(ended));
    this.#underWay.add(ended);
    return doing;
  }

  /** Adds the queue entry of a move that its record says was made. */
  repeat(waiting: Waiting): Promise<void> {
    if (waiting.deployment === '' || waiting.status !== 'queued') return Promise.resolve();
    return this.#queue(waiting, waiting.deployment, waiting.epoch);
  }

  async #carryOut({ waiting, done }: Pending, decided: Decided): Promise<void> {
    let end: PlaceEnd = 'settled';
    try {
      if (decided.kind === 'late') await this.#ports.onLate(waiting);
      // `never`: none of its pool's deployments can run it since the config changed. It waits for its deadline in the ledger.
      else if (decided.kind === 'place') end = await this.#move(waiting, decided);
      else if (decided.kind === 'split') end = await this.#split(waiting);
      else await this.#tryLater(waiting);
    } catch (error) {
      this.#ports.onError('placing', error);
      end = 'failed';
    } finally {
      done(end);
    }
  }

  async #split({ id, epoch, batch }: Waiting): Promise<PlaceEnd> {
    const { ledger, leaderToken, onSplit, now } = this.#ports;
    const at = now();
    const about = { id, epoch, batch: batch ?? '', leaderToken, now: at };
    const split = await splitChunk(ledger, { ...about, checkAt: at + SPLIT_UNHEARD_MS });
    if (split.kind === 'split') onSplit?.(split.ids);
    return split.kind === 'not_leader' ? 'closed' : 'settled';
  }

  #tryLater({ id, deadlineAt }: Waiting): Promise<void> {
    const { ledger, now } = this.#ports;
    return checkLater(ledger, id, Math.min(now() + CHECK_PLACED_MS, deadlineAt ?? Infinity));
  }

  /** `closed`: another leads by now; the entry goes back for it. What does not come to the queue is not counted as placed. */
  async #move(waiting: Waiting, choice: Place): Promise<PlaceEnd> {
    const { picture } = this.#ports;
    let counted = choice.jobs;
    const count = (jobs: number): void => {
      if (jobs !== counted) picture.recount(choice.deployment, jobs - counted);
      counted = jobs;
    };
    try {
      const now = this.#ports.now();
      const moved = await this.#placeEntry(waiting, choice, now);
      const made = isMade(moved, waiting, choice);
      // `choose` counted what may travel together; an entry travels whole.
      count(made ? waiting.jobs : 0);
      if (made) {
        picture.given.count({ ...choice, pool: waiting.pool }, waiting.jobs, now);
        this.#ports.onMoved?.(waiting);
      }
      return await this.#follow(waiting, choice, moved);
    } catch (error) {
      count(0);
      throw error;
    }
  }

  async #follow(waiting: Waiting, choice: Place, moved: Moved): Promise<PlaceEnd> {
    if (moved.kind === 'moved') {
      await this.#queue(waiting, choice.deployment, moved.epoch);
    } else if (moved.kind === 'moved_before') {
      const { epoch, deployment } = moved;
      await this.repeat({ ...waiting, epoch, deployment, status: 'queued' });
    }
    return moved.kind === 'not_leader' ? 'closed' : 'settled';
  }

  #placeEntry(waiting: Waiting, choice: Place, now: number): Promise<Moved> {
    const { ledger, leaderToken, picture, lengths } = this.#ports;
    const likely = lengths.likely(askerOfEntry(waiting));
    const expects = picture.expects(choice.deployment, shapeOf(waiting), likely);
    return placeEntry(ledger, {
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
  }

  async #queue({ id, priority }: Waiting, deployment: string, epoch: number): Promise<void> {
    const { name, data, opts } = entryOf({ id, epoch, priority });
    await this.#ports.queue(deployment).add(name, data, opts);
  }
}

/** A script whose answer was lost is sent again, and finds the move that it made itself. */
const isMade = (moved: Moved, { epoch }: Waiting, { deployment }: Place): boolean =>
  moved.kind === 'moved' ||
  (moved.kind === 'moved_before' && moved.epoch === epoch + 1 && moved.deployment === deployment);
