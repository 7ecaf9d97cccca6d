/**
 * One round of feeding: which lines of a batch go where, chunk by chunk, as long as there is room. The plan says which class
 * and deployment come next; placement decides whether that deployment takes them now. Lines that no plan speaks of (another
 * strategy, a class that is new, no plan) go where placement puts them. Nothing is written here.
 */
import type { IndexRecord } from '@sluice/files';
import { depthFor, room, takesCalls, takesCallsOf } from '@sluice/balancing';
import type { Candidate, Choice, SpillTiers, Spills } from '@sluice/balancing';
import { linesAffordable } from './ceiling.ts';
import { askerOf, chunkOf, laneOf, lineOf, unfedOf } from './draining.ts';
import type { Draining, DrainingClass, Helping } from './draining.ts';
import type { DrainingBook } from './draining-book.ts';
import { armOfNext, OpenChunks, alikeOf } from './kept-lines.ts';
import type { Alike } from './kept-lines.ts';
import { nextRun } from './key-runs.ts';
import type { Run } from './key-runs.ts';
import type { LengthsBook, Likely } from './lengths-book.ts';
import type { Picture } from './picture.ts';
import type { Chooser } from './chooser.ts';
import type { PlanBook } from './plan-book.ts';
import { poolOfClass } from './class-names.ts';

export interface RoundPorts {
  chooser: Pick<
    Chooser,
    'armOf' | 'choose' | 'depth' | 'eligible' | 'keeps' | 'membersOf' | 'isPlanned' | 'goesByKey'
  >;
  picture: Picture;
  book: PlanBook;
  lengths: Pick<LengthsBook, 'likely'>;
  spills: Spills;
  windowLines: number;
  now: () => number;
}

/** What waits of all batches, kept as the round takes of it. */
export type WaitingLines = Pick<DrainingBook, 'note' | 'shareOf' | 'waitingFor'>;

/** Chunks of one script call: bounded, so that no call holds Redis for long. */
const MOST_CHUNKS = 64;

/** Lines of a class that were given a place. */
export interface Taken {
  class: DrainingClass;
  deployment: string;
  lines: number;
  head: IndexRecord;
  likely: Likely;
}

interface How {
  /** At most so many lines. */
  left: number;
  band: 'overdue' | 'batch';
  /** To one of these or nowhere. */
  among?: ReadonlySet<string>;
}

/** Lines that placement has a place for. */
interface Taking {
  choice: Extract<Choice, { kind: 'place' }>;
  alike: Alike;
  key: number | null;
  /** Output tokens of one of them; null = not known. */
  expects: number | null;
}

export class FeedRound {
  readonly #ports: RoundPorts;
  readonly #helpings = new Map<DrainingClass, Helping>();
  readonly #draining: WaitingLines;
  /** Batch, class and deployment that placement turned down although there seemed to be room. */
  readonly #refused = new Set<string>();
  readonly #open = new OpenChunks();
  /** As they stand since the last chunk was placed. */
  readonly #candidates = new Map<string, Candidate | null>();

  /** Of classes in pools that spill; null = theirs does not. */
  readonly #tiers = new Map<DrainingClass, SpillTiers | null>();

  constructor(ports: RoundPorts, draining: WaitingLines) {
    this.#ports = ports;
    this.#draining = draining;
  }

  get helpings(): Helping[] {
    return [...this.#helpings.values()];
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
    return linesAffordable(batch, Math.max(0, ...batch.classes.map((one) => this.#mostUsd(one))));
  }

  /** What the next line of a class costs at most, at the dearest deployment that may get it. */
  #mostUsd(one: DrainingClass): number {
    const head = this.#head(one);
    if (head === undefined) return 0;
    const { chooser, picture } = this.#ports;
    const shape = { characters: head.characters, maxOutput: head.maxOutput, inputs: 1 };
    const ids = chooser.membersOf(one.pool);
    return Math.max(0, ...ids.map((id) => picture.costWith(id, shape, null).usd));
  }

  /** A half-open deployment is tried with the first line that it can run: no plan reckons with it. */
  #probe(batch: Draining, how: How): Taken | null {
    for (const one of batch.classes) {
      if (!this.#hasHead(one)) continue;
      for (const id of this.#ports.chooser.membersOf(one.pool)) {
        const candidate = this.#candidate(id);
        if (candidate?.state !== 'half_open' || candidate.queued + candidate.inFlight > 0) continue;
        const taken = this.#helping(batch, one, { ...how, among: new Set([id]) });
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
    const draining = this.#draining;
    const facts = {
      waiting: (id: string) => draining.waitingFor(batch, id),
      own: (id: string) => (draining.shareOf(batch)?.lines.get(id) ?? 0) > 0,
      mayGo: (id: string, deployment: string) => {
        const one = own.get(id);
        if (one === undefined) return this.#mayNextGo(batch, id, deployment);
        return this.#mayGo(batch, one, { deployment, band: how.band });
      },
      hasRoom: (id: string, deployment: string) => {
        const one = own.get(id);
        return (
          one !== undefined &&
          !this.#refused.has(`${batch.id} ${id} ${deployment}`) &&
          this.#hasRoom(id, deployment, how.band)
        );
      },
    };
    for (let pair = book.next(facts); pair !== null; pair = book.next(facts)) {
      const one = own.get(pair.class) as DrainingClass;
      const left = Math.min(how.left, book.most(pair));
      const taken = this.#helping(batch, one, {
        ...how,
        left,
        among: new Set([pair.deployment]),
      });
      if (taken) return taken;
      this.#refused.add(`${batch.id} ${pair.class} ${pair.deployment}`);
    }
    return null;
  }

  /**
   * Whether the next line of another class of the share may go there: one that is kept to an arm waits for it, and has no claim
   * on the others.
   */
  #mayNextGo(batch: Draining, id: string, deployment: string): boolean {
    const { chooser } = this.#ports;
    if (!chooser.keeps(poolOfClass(id))) return true;
    for (const each of this.#draining.shareOf(batch)?.batches ?? []) {
      const one = each.classes.find(({ planId }) => planId === id);
      if (one === undefined || unfedOf(one) === 0) continue;
      return chooser.membersOf(one.pool, armOfNext(each, one, chooser)).includes(deployment);
    }
    return true;
  }

  /** Whether the pool's rules for spilling let lines of the class go there now. */
  #mayGo(
    batch: Draining,
    one: DrainingClass,
    { deployment, band }: { deployment: string; band: How['band'] },
  ): boolean {
    const tiers = this.#tiersOf(one);
    if (tiers === null) return true;
    const { spills, now } = this.#ports;
    const hasRoom = (id: string): boolean => this.#hasRoom(one.planId, id, band);
    return spills.mayGo(laneOf(batch, one), { deployment, tiers, hasRoom }, now());
  }

  /** Lines that have waited long enough go to later tiers that the plan does not count for them. */
  #bySpill(batch: Draining, how: How): Taken | null {
    const { book } = this.#ports;
    for (const one of batch.classes) {
      const tiers = this.#tiersOf(one);
      if (tiers === null || !this.#isPlanned(one)) continue;
      const { band } = how;
      const uncounted = [...tiers.later].filter((id) => book.cost(one.planId, id) === null);
      const among = new Set(
        uncounted.filter((deployment) => this.#mayGo(batch, one, { deployment, band })),
      );
      const taken = among.size > 0 ? this.#helping(batch, one, { ...how, among }) : null;
      if (taken) return taken;
    }
    return null;
  }

  #tiersOf(one: DrainingClass): SpillTiers | null {
    const known = this.#tiers.get(one);
    if (known !== undefined) return known;
    const { chooser, spills } = this.#ports;
    const able = spills.concerns(one.pool) ? chooser.eligible(one.pool, one.formats) : null;
    const tiers = spills.tiersOf(one.pool, (id) => {
      const candidate = this.#candidate(id);
      return candidate !== null && takesCallsOf(able, candidate);
    });
    this.#tiers.set(one, tiers);
    return tiers;
  }

  #byStrategy(batch: Draining, how: How): Taken | null {
    for (const one of batch.classes) {
      if (this.#isPlanned(one)) continue;
      const taken = this.#helping(batch, one, how);
      if (taken) return taken;
    }
    return null;
  }

  #isPlanned = ({ planId, pool }: DrainingClass): boolean =>
    this.#ports.chooser.isPlanned(pool) && this.#ports.book.knows(planId);

  #head(one: DrainingClass) {
    const begun = this.#helpings.get(one);
    if (begun && begun.chunks.length >= MOST_CHUNKS) return undefined;
    return one.ahead[begun?.lines ?? 0];
  }

  #hasHead = (one: DrainingClass): boolean => this.#head(one) !== undefined;

  #hasRoom(id: string, deployment: string, band: How['band']): boolean {
    const candidate = this.#candidate(deployment);
    const cost = this.#ports.book.cost(id, deployment);
    if (candidate === null || !takesCalls(candidate) || cost === null) return false;
    const costs = { requests: cost.requests, input: cost.input, output: cost.output };
    return room(candidate, costs, depthFor(band, this.#ports.chooser.depth)) > 0;
  }

  #candidate(id: string): Candidate | null {
    const known = this.#candidates.get(id);
    if (known !== undefined) return known;
    const candidate = this.#ports.picture.candidate(id, this.#ports.now());
    this.#candidates.set(id, candidate);
    return candidate;
  }

  /** The class's next lines that may travel together. */
  #run(one: DrainingClass, from: number): Run {
    const { chooser } = this.#ports;
    if (!one.keyed || !chooser.goesByKey(one.pool))
      return { lines: one.ahead.length - from, key: null };
    const { chunkJobs: most } = chooser.depth;
    return nextRun(one.ahead, { from, before: one.key, most });
  }

  /** A chunk of the class's next lines, where placement has a place for it. */
  #helping(batch: Draining, one: DrainingClass, how: How): Taken | null {
    const head = this.#head(one);
    if (head === undefined) return null;
    const helping = this.#helpings.get(one) ?? { batch, class: one, chunks: [], lines: 0 };
    const { chooser, lengths, spills, now } = this.#ports;
    const { key, lines: together } = this.#run(one, helping.lines);
    const likely = lengths.likely(askerOf(batch, one));
    const shape = { characters: head.characters, maxOutput: head.maxOutput, inputs: 1 };
    const eligible = chooser.eligible(one.pool, one.formats);
    const most = Math.min(how.left, together);
    const alike = alikeOf(helping, chooser, {
      most: Math.min(most, chooser.depth.chunkJobs),
      eligible,
    });
    const choice = chooser.choose(
      {
        shape,
        likely,
        jobs: most,
        keyHash: key,
        ...(alike.lot !== null && { lot: alike.lot }),
        band: how.band,
        exclude: [],
        eligible,
        minTier: 1,
        maxTier: batch.maxTier,
        waitingSince: spills.since(laneOf(batch, one), now()),
        deadlineInMs: batch.expiresAt - now(),
      },
      one.pool,
      how.among,
    );
    if (choice.kind !== 'place') return null;
    const { deployment } = choice;
    const expects = this.#ports.picture.expects(deployment, shape, likely);
    const lines = this.#take(helping, { choice, alike, key, expects });
    return { class: one, deployment, lines, head, likely };
  }

  /** Takes as many of those alike as may travel together. */
  #take(helping: Helping, { choice, alike, key, expects }: Taking): number {
    const { batch, class: one } = helping;
    const { book, picture, spills, now } = this.#ports;
    const at = one.cursor + helping.lines;
    const left = alike.lot === null ? 0 : this.#open.left(one, choice);
    const most = Math.min(alike.lines, choice.jobs, left || Infinity);
    const records = one.ahead.slice(helping.lines, helping.lines + most);
    const lines = records.length;
    if (left > 0) this.#open.join(one, choice, records.map(lineOf));
    else {
      const placed = { records, at, choice, key, expects, lot: alike.lot, now: now() };
      const chunk = chunkOf(batch, one, placed);
      helping.chunks.push(chunk);
      if (alike.lot !== null) this.#open.add(one, choice, { chunk, left: choice.jobs - lines });
    }
    if (lines !== choice.jobs) picture.recount(choice.deployment, lines - choice.jobs);
    helping.lines += lines;
    one.taken += lines;
    one.key = key;
    book.placed(one, choice.deployment, lines);
    if (!this.#tiersOf(one)?.later.has(choice.deployment)) spills.took(laneOf(batch, one), now());
    batch.fed += lines;
    this.#draining.note(batch);
    this.#helpings.set(one, helping);
    this.#candidates.clear();
    return lines;
  }
}
