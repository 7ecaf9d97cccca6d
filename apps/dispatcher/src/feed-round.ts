/**
 * One round of feeding: which lines of a batch go where, chunk by chunk, as long as there is room. The plan says which class
 * and deployment come next; placement decides whether that deployment takes them now. Lines that no plan speaks of (another
 * strategy, a class that is new, no plan) go where placement puts them. Nothing is written here.
 */
import type { IndexRecord } from '@sluice/files';
import type { Choice } from '@sluice/balancing';
import { linesAffordable, lineUnderWay } from './ceiling.ts';
import type { Chooser } from './chooser.ts';
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
import { RoundRoom } from './round-room.ts';

export interface RoundPorts extends LinesPorts {
  chooser: LinesPorts['chooser'] & PlannedPorts['chooser'] & Pick<Chooser, 'isPlanned'>;
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

export class FeedRound {
  readonly #ports: RoundPorts;
  readonly #draining: WaitingLines;
  readonly #chunks = new RoundChunks();
  readonly #room: RoundRoom;
  readonly #planned: PlannedLines;

  constructor(ports: RoundPorts, draining: WaitingLines) {
    this.#ports = ports;
    this.#draining = draining;
    this.#room = new RoundRoom(ports);
    this.#planned = new PlannedLines(ports, draining, this.#room);
  }

  get helpings(): Helping[] {
    return this.#chunks.helpings;
  }

  /** Gives a batch one chunk of at most `most` lines; null when none of its lines may go anywhere now. */
  takeTurn(batch: Draining, { most, overdue }: { most: number; overdue: boolean }): Taken | null {
    const window = this.#ports.windowLines - (batch.fed - batch.recorded);
    const left = Math.min(most, window, this.#affordable(batch));
    const how = { left, band: overdue ? 'overdue' : 'batch' } as const;
    if (how.left <= 0) return null;
    return (
      this.#probe(batch, how) ??
      this.#byPlan(batch, how) ??
      this.#bySpill(batch, how) ??
      this.#byStrategy(batch, how)
    );
  }

  /** Lines that its ceiling lets it have under way beside those that are. */
  #affordable(batch: Draining): number {
    if (batch.ceiling === null) return Number.POSITIVE_INFINITY;
    const dearest = batch.classes.map((one) => this.#mostUsd(batch, one));
    return linesAffordable(batch, Math.max(0, ...dearest));
  }

  /** What a line of a class that is under way costs at most, at the dearest deployment that may get it. */
  #mostUsd(batch: Draining, one: DrainingClass): number {
    const shape = lineUnderWay(batch, one, this.#chunks.headOf(one));
    if (shape === null) return 0;
    const { chooser, picture } = this.#ports;
    const ids = chooser.membersOf(one.pool);
    return Math.max(0, ...ids.map((id) => picture.costWith(id, shape, null).usd));
  }

  /** A half-open deployment is tried with the first line that it can run: no plan reckons with it. */
  #probe(batch: Draining, how: How): Taken | null {
    for (const one of batch.classes) {
      if (!this.#hasHead(one)) continue;
      for (const id of this.#ports.chooser.membersOf(one.pool)) {
        const candidate = this.#room.candidate(id);
        if (candidate?.state !== 'half_open' || candidate.queued + candidate.inFlight > 0) continue;
        const taken = this.#take(batch, one, { ...how, among: new Set([id]) });
        if (taken) return taken;
      }
    }
    return null;
  }

  #byPlan(batch: Draining, how: How): Taken | null {
    const { book } = this.#ports;
    const own = new Map<string, DrainingClass>();
    for (const one of batch.classes)
      if (this.#hasHead(one) && this.#isPlanned(one)) own.set(one.planId, one);
    if (own.size === 0) return null;
    const next = () => this.#planned.next(batch, own, how.band);
    for (let pair = next(); pair !== null; pair = next()) {
      const one = own.get(pair.class) as DrainingClass;
      const left = Math.min(how.left, book.most(pair));
      const taken = this.#take(batch, one, { ...how, left, among: new Set([pair.deployment]) });
      if (taken) return taken;
      this.#planned.refused(batch, pair);
    }
    return null;
  }

  /** Lines that have waited long enough go to later tiers that the plan does not count for them. */
  #bySpill(batch: Draining, how: How): Taken | null {
    const { book } = this.#ports;
    for (const one of batch.classes) {
      const tiers = this.#room.tiersOf(one);
      if (tiers === null || !this.#isPlanned(one)) continue;
      const { band } = how;
      const uncounted = [...tiers.later].filter((id) => book.cost(one.planId, id) === null);
      const among = new Set(
        uncounted.filter((deployment) => this.#room.mayGo(batch, one, { deployment, band })),
      );
      const taken = among.size > 0 ? this.#take(batch, one, { ...how, among }) : null;
      if (taken) return taken;
    }
    return null;
  }

  #byStrategy(batch: Draining, how: How): Taken | null {
    for (const one of batch.classes) {
      if (this.#isPlanned(one)) continue;
      const taken = this.#take(batch, one, how);
      if (taken) return taken;
    }
    return null;
  }

  #isPlanned = ({ planId, pool }: DrainingClass): boolean =>
    this.#ports.chooser.isPlanned(pool) && this.#ports.book.knows(planId);

  #hasHead = (one: DrainingClass): boolean => this.#chunks.headOf(one) !== undefined;

  /** A chunk of the class's next lines, where placement has a place for it. */
  #take(batch: Draining, one: DrainingClass, how: How): Taken | null {
    const head = this.#chunks.headOf(one);
    if (head === undefined) return null;
    const helping = this.#chunks.helpingOf(batch, one);
    const taking = takingOf(this.#ports, helping, head, how);
    if (taking === null) return null;
    const { choice, likely } = taking;
    const lines = this.#chunks.take(helping, taking, this.#ports.now());
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
