/**
 * One round of feeding: which lines of a batch go where, chunk by chunk, as long as there is room. The plan says which class
 * and deployment come next; placement decides whether that deployment takes them now. Lines that no plan speaks of (another
 * strategy, a class that is new, no plan) go where placement puts them. Nothing is written here.
 */
import type { IndexRecord } from '@sluice/files';
import type { Choice } from '@sluice/balancing';
import { laneOf } from './draining.ts';
import type { Draining, DrainingClass, Helping } from './draining.ts';
import type { DrainingBook } from './draining-book.ts';
import type { Likely } from './lengths-book.ts';
import { takingOf } from './placing-lines.ts';
import type { How, LinesPorts } from './placing-lines.ts';
import type { PlanBook } from './plan-book.ts';
import { PlannedLines } from './planned-lines.ts';
import type { PlannedPorts } from './planned-lines.ts';
import { RoundChunks } from './round-chunks.ts';
import { RoundMoney } from './round-money.ts';
import type { MoneyPorts, TurnMoney } from './round-money.ts';
import { RoundRoom } from './round-room.ts';

export interface RoundPorts extends LinesPorts {
  chooser: LinesPorts['chooser'] & MoneyPorts['chooser'] & PlannedPorts['chooser'];
  book: PlanBook;
  windowLines: number;
}

/** What waits of all batches, kept as the round takes of it. */
export type WaitingLines = Pick<DrainingBook, 'note' | 'shareOf' | 'waitingFor'>;

/** Lines of a class that were given a place. */
export interface Taken {
  class: DrainingClass;
  deployment: string;
  lines: number;
  head: IndexRecord;
  likely: Likely;
}

/** Of a turn. */
interface Turn extends How {
  /** Null = its batch has no ceiling. */
  money: TurnMoney | null;
}

interface Paid {
  among: ReadonlySet<string>;
  left: number;
}

export class FeedRound {
  readonly #ports: RoundPorts;
  readonly #draining: WaitingLines;
  readonly #chunks = new RoundChunks();
  readonly #room: RoundRoom;
  readonly #planned: PlannedLines;
  readonly #money: RoundMoney;

  constructor(ports: RoundPorts, draining: WaitingLines) {
    this.#ports = ports;
    this.#draining = draining;
    this.#room = new RoundRoom(ports);
    this.#planned = new PlannedLines(ports, draining, this.#room);
    this.#money = new RoundMoney(ports, this.#room, this.#chunks);
  }

  get helpings(): Helping[] {
    return this.#chunks.helpings;
  }

  /** Gives a batch one chunk of at most `most` lines; null when none of its lines may go anywhere now. */
  takeTurn(batch: Draining, { most, overdue }: { most: number; overdue: boolean }): Taken | null {
    const window = this.#ports.windowLines - (batch.fed - batch.recorded);
    const left = Math.min(most, window);
    if (left <= 0) return null;
    const money = this.#money.of(batch);
    if (money?.isShort) return this.#hold(batch);
    const turn = { left, band: overdue ? 'overdue' : 'batch', money } as const;
    return (
      this.#probe(batch, turn) ??
      this.#byPlan(batch, turn) ??
      this.#bySpill(batch, turn) ??
      this.#byStrategy(batch, turn)
    );
  }

  /** Whether what is left of its ceiling pays for some line now; yes without one. */
  isPaid(batch: Draining): boolean {
    return !(this.#money.of(batch)?.isShort ?? false);
  }

  /** It waits for what others of its lines leave of its ceiling, and meanwhile nothing waits for it. */
  #hold(batch: Draining): null {
    if (batch.ceiling) batch.ceiling.held = true;
    this.#draining.note(batch);
    return null;
  }

  /** Of these deployments those where the next lines are paid for; how many, where that is fewest. */
  #paid({ left, money }: Turn, one: DrainingClass, ids: Iterable<string>): Paid {
    if (money === null) return { among: new Set(ids), left };
    const lines = [...ids].map((id) => [id, money.lines(one, id, left)] as const);
    const paid = lines.filter(([, some]) => some > 0);
    return {
      among: new Set(paid.map(([id]) => id)),
      left: Math.min(left, ...paid.map(([, some]) => some)),
    };
  }

  /** A half-open deployment is tried with the first line that it can run: no plan reckons with it. */
  #probe(batch: Draining, turn: Turn): Taken | null {
    for (const one of batch.classes) {
      if (!this.#hasHead(one)) continue;
      for (const id of this.#ports.chooser.membersOf(one.pool)) {
        const candidate = this.#room.candidate(id);
        if (candidate?.state !== 'half_open' || candidate.queued + candidate.inFlight > 0) continue;
        const taken = this.#takeAmong(batch, one, turn, [id]);
        if (taken) return taken;
      }
    }
    return null;
  }

  #byPlan(batch: Draining, turn: Turn): Taken | null {
    const { book } = this.#ports;
    const own = new Map<string, DrainingClass>();
    for (const one of batch.classes)
      if (this.#hasHead(one) && this.#isPlanned(one)) own.set(one.planId, one);
    if (own.size === 0) return null;
    const next = () => this.#planned.next(batch, own, turn.band);
    for (let pair = next(); pair !== null; pair = next()) {
      const one = own.get(pair.class) as DrainingClass;
      const left = Math.min(turn.left, book.most(pair));
      const taken = this.#takeAmong(batch, one, { ...turn, left }, [pair.deployment]);
      if (taken) return taken;
      this.#planned.refused(batch, pair);
    }
    return null;
  }

  /** Lines that have waited long enough go to later tiers that the plan does not count for them. */
  #bySpill(batch: Draining, turn: Turn): Taken | null {
    const { book } = this.#ports;
    for (const one of batch.classes) {
      const tiers = this.#room.tiersOf(one);
      if (tiers === null || !this.#isPlanned(one)) continue;
      const { band } = turn;
      const uncounted = [...tiers.later].filter((id) => book.cost(one.planId, id) === null);
      const open = uncounted.filter((deployment) =>
        this.#room.mayGo(batch, one, { deployment, band }),
      );
      const taken = this.#takeAmong(batch, one, turn, open);
      if (taken) return taken;
    }
    return null;
  }

  #byStrategy(batch: Draining, turn: Turn): Taken | null {
    const { chooser } = this.#ports;
    for (const one of batch.classes) {
      if (this.#isPlanned(one)) continue;
      const taken =
        turn.money === null
          ? this.#take(batch, one, turn)
          : this.#takeAmong(batch, one, turn, chooser.membersOf(one.pool));
      if (taken) return taken;
    }
    return null;
  }

  #isPlanned = ({ planId, pool }: DrainingClass): boolean =>
    this.#ports.chooser.isPlanned(pool) && this.#ports.book.knows(planId);

  #hasHead = (one: DrainingClass): boolean => this.#chunks.headOf(one) !== undefined;

  /** The same to one of these, where they are paid for. */
  #takeAmong(
    batch: Draining,
    one: DrainingClass,
    turn: Turn,
    ids: readonly string[],
  ): Taken | null {
    const paid = this.#paid(turn, one, ids);
    return paid.among.size > 0 ? this.#take(batch, one, { ...turn, ...paid }) : null;
  }

  /** A chunk of the class's next lines, where placement has a place for it. */
  #take(batch: Draining, one: DrainingClass, how: How): Taken | null {
    const head = this.#chunks.headOf(one);
    if (head === undefined) return null;
    const helping = this.#chunks.helpingOf(batch, one);
    const taking = takingOf(this.#ports, helping, head, how);
    if (taking === null) return null;
    const { choice, likely } = taking;
    const next = batch.ceiling === null ? [] : this.#chunks.nextOf(one, how.left);
    const lines = this.#chunks.take(helping, taking, this.#ports.now());
    this.#money.note(batch, choice.deployment, next.slice(0, lines));
    this.#note(batch, one, { choice, lines });
    return { class: one, deployment: choice.deployment, lines, head, likely };
  }

  /** What everybody knows from now on of lines that were taken. */
  #note(
    batch: Draining,
    one: DrainingClass,
    { choice, lines }: { choice: Extract<Choice, { kind: 'place' }>; lines: number },
  ): void {
    const { book, picture, spills, now } = this.#ports;
    const { deployment, jobs } = choice;
    if (lines !== jobs) picture.recount(deployment, lines - jobs);
    book.placed(one, deployment, lines);
    if (!this.#room.tiersOf(one)?.later.has(deployment)) spills.took(laneOf(batch, one), now());
    batch.fed += lines;
    one.fedBy = batch.fed;
    this.#draining.note(batch);
    this.#room.changed();
  }
}
