/**
 * One round of feeding: which lines of a batch go where, chunk by chunk, as long as there is room. The plan says which class
 * and deployment come next; placement decides whether that deployment takes them now. Lines that no plan speaks of (another
 * strategy, a class that is new, no plan) go where placement puts them. Nothing is written here.
 */
import type { IndexRecord } from '@sluice/files';
import { depthFor, room } from '@sluice/balancing';
import type { Candidate, Choice, SpillTiers, Spills } from '@sluice/balancing';
import { askerOf, chunkOf, laneOf } from './draining.ts';
import type { Draining, DrainingClass, Helping } from './draining.ts';
import type { DrainingBook } from './draining-book.ts';
import { nextRun } from './key-runs.ts';
import type { Run } from './key-runs.ts';
import type { LengthsBook, Likely } from './lengths-book.ts';
import type { Picture } from './picture.ts';
import type { Chooser } from './chooser.ts';
import type { PlanBook } from './plan-book.ts';

export interface RoundPorts {
  chooser: Pick<Chooser, 'choose' | 'depth' | 'eligible' | 'membersOf' | 'isPlanned' | 'goesByKey'>;
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

export class FeedRound {
  readonly #ports: RoundPorts;
  readonly #helpings = new Map<DrainingClass, Helping>();
  readonly #draining: WaitingLines;
  /** Batch, class and deployment that placement turned down although there seemed to be room. */
  readonly #refused = new Set<string>();
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
    const how = { left: Math.min(most, window), band: overdue ? 'overdue' : 'batch' } as const;
    if (how.left <= 0) return null;
    return (
      this.#probe(batch, how) ??
      this.#byPlan(batch, how) ??
      this.#bySpill(batch, how) ??
      this.#byStrategy(batch, how)
    );
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
        return one === undefined || this.#mayGo(batch, one, { deployment, band: how.band });
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
      return candidate?.state === 'active' && candidate.weight > 0 && (able?.has(id) ?? true);
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
    if (candidate?.state !== 'active' || candidate.weight <= 0 || cost === null) return false;
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
    const choice = chooser.choose(
      {
        shape,
        likely,
        jobs: Math.min(how.left, together),
        keyHash: key,
        band: how.band,
        exclude: [],
        eligible: chooser.eligible(one.pool, one.formats),
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
    const lines = this.#take(helping, choice, { key, expects });
    return { class: one, deployment, lines, head, likely };
  }

  #take(
    helping: Helping,
    choice: Extract<Choice, { kind: 'place' }>,
    { key, expects }: { key: number | null; expects: number | null },
  ): number {
    const { batch, class: one } = helping;
    const records = one.ahead.slice(helping.lines, helping.lines + choice.jobs);
    const at = one.cursor + helping.lines;
    const placed = { records, at, choice, key, expects, now: this.#ports.now() };
    helping.chunks.push(chunkOf(batch, one, placed));
    helping.lines += records.length;
    one.taken += records.length;
    one.key = key;
    this.#ports.book.placed(one, choice.deployment, records.length);
    if (!this.#tiersOf(one)?.later.has(choice.deployment))
      this.#ports.spills.took(laneOf(batch, one), this.#ports.now());
    batch.fed += records.length;
    this.#draining.note(batch);
    this.#helpings.set(one, helping);
    this.#candidates.clear();
    return records.length;
  }
}
