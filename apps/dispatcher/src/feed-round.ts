/**
 * One round of feeding: which lines of a batch go where, chunk by chunk, as long as there is room. The plan says which class
 * and deployment come next; placement decides whether that deployment takes them now. Lines that no plan speaks of (another
 * strategy, a class that is new, no plan) go where placement puts them. Nothing is written here.
 */
import { depthFor, room } from '@sluice/balancing';
import type { Candidate, Choice, Depth } from '@sluice/balancing';
import { chunkOf } from './draining.ts';
import type { Draining, DrainingClass, Helping } from './draining.ts';
import type { Picture } from './picture.ts';
import type { Placer } from './placer.ts';
import type { PlanBook } from './plan-book.ts';

export interface RoundPorts {
  placer: Pick<Placer, 'choose' | 'eligible' | 'membersOf' | 'isPlanned'>;
  picture: Picture;
  book: PlanBook;
  depth: Depth;
  windowLines: number;
  now: () => number;
}

/** Chunks of one script call: bounded, so that no call holds Redis for long. */
const MOST_CHUNKS = 64;

export class FeedRound {
  readonly #ports: RoundPorts;
  readonly #helpings = new Map<DrainingClass, Helping>();
  /** Lines per class of the plan that wait in batches whose turn comes no later than these. */
  readonly #waiting = new Map<string, number>();
  /** Batch, class and deployment that placement turned down although there seemed to be room. */
  readonly #refused = new Set<string>();
  /** As they stand since the last chunk was placed. */
  readonly #candidates = new Map<string, Candidate | null>();

  constructor(ports: RoundPorts, waiting: Iterable<Draining>) {
    this.#ports = ports;
    for (const batch of waiting)
      for (const one of batch.classes) this.#count(one, one.jobs - one.taken);
  }

  get helpings(): Helping[] {
    return [...this.#helpings.values()];
  }

  /** Gives a batch one chunk; how many lines, 0 when none of its lines may go anywhere now. */
  takeTurn(batch: Draining): number {
    const left = this.#ports.windowLines - (batch.fed - batch.recorded);
    if (left <= 0) return 0;
    return this.#probe(batch, left) || this.#byPlan(batch, left) || this.#byStrategy(batch, left);
  }

  #count(one: DrainingClass, lines: number): void {
    this.#waiting.set(one.planId, (this.#waiting.get(one.planId) ?? 0) + lines);
  }

  /** A half-open deployment is tried with the first line that it can run: no plan reckons with it. */
  #probe(batch: Draining, left: number): number {
    for (const one of batch.classes) {
      if (!this.#hasHead(one)) continue;
      for (const id of this.#ports.placer.membersOf(one.pool)) {
        const candidate = this.#candidate(id);
        if (candidate?.state !== 'half_open' || candidate.queued + candidate.inFlight > 0) continue;
        const lines = this.#helping(batch, one, { left, only: id });
        if (lines > 0) return lines;
      }
    }
    return 0;
  }

  #byPlan(batch: Draining, left: number): number {
    const { book } = this.#ports;
    const own = new Map<string, DrainingClass>();
    for (const one of batch.classes)
      if (this.#hasHead(one) && this.#isPlanned(one)) own.set(one.planId, one);
    if (own.size === 0) return 0;
    const facts = {
      waiting: (id: string) => this.#waiting.get(id) ?? 0,
      hasRoom: (id: string, deployment: string) => {
        const one = own.get(id);
        return (
          one !== undefined &&
          !this.#refused.has(`${batch.id} ${id} ${deployment}`) &&
          this.#hasRoom(id, deployment)
        );
      },
    };
    for (let pair = book.next(facts); pair !== null; pair = book.next(facts)) {
      const one = own.get(pair.class) as DrainingClass;
      const lines = this.#helping(batch, one, { left, only: pair.deployment });
      if (lines > 0) {
        book.placed(pair, lines);
        return lines;
      }
      this.#refused.add(`${batch.id} ${pair.class} ${pair.deployment}`);
    }
    return 0;
  }

  #byStrategy(batch: Draining, left: number): number {
    for (const one of batch.classes) {
      if (this.#isPlanned(one)) continue;
      const lines = this.#helping(batch, one, { left });
      if (lines > 0) return lines;
    }
    return 0;
  }

  #isPlanned = ({ planId, pool }: DrainingClass): boolean =>
    this.#ports.placer.isPlanned(pool) && this.#ports.book.knows(planId);

  #head(one: DrainingClass) {
    const begun = this.#helpings.get(one);
    if (begun && begun.chunks.length >= MOST_CHUNKS) return undefined;
    return one.ahead[begun?.lines ?? 0];
  }

  #hasHead = (one: DrainingClass): boolean => this.#head(one) !== undefined;

  #hasRoom(id: string, deployment: string): boolean {
    const candidate = this.#candidate(deployment);
    const cost = this.#ports.book.cost(id, deployment);
    if (candidate?.state !== 'active' || candidate.weight <= 0 || cost === null) return false;
    const costs = { requests: cost.requests, input: cost.input, output: cost.output };
    return room(candidate, costs, depthFor('batch', this.#ports.depth)) > 0;
  }

  #candidate(id: string): Candidate | null {
    const known = this.#candidates.get(id);
    if (known !== undefined) return known;
    const candidate = this.#ports.picture.candidate(id, this.#ports.now());
    this.#candidates.set(id, candidate);
    return candidate;
  }

  /** A chunk of the class's next lines, where placement has a place for it; how many lines. */
  #helping(batch: Draining, one: DrainingClass, how: { left: number; only?: string }): number {
    const head = this.#head(one);
    if (head === undefined) return 0;
    const helping = this.#helpings.get(one) ?? { batch, class: one, chunks: [], lines: 0 };
    const { placer, now } = this.#ports;
    const choice = placer.choose(
      {
        shape: { characters: head.characters, maxOutput: head.maxOutput, inputs: 1 },
        jobs: Math.min(how.left, one.ahead.length - helping.lines),
        band: 'batch',
        exclude: [],
        eligible: placer.eligible(one.pool, one.formats),
        minTier: 1,
        maxTier: batch.maxTier,
        waitingSince: now(),
      },
      one.pool,
      how.only,
    );
    return choice.kind === 'place' ? this.#take(helping, choice) : 0;
  }

  #take(helping: Helping, choice: Extract<Choice, { kind: 'place' }>): number {
    const { batch, class: one } = helping;
    const records = one.ahead.slice(helping.lines, helping.lines + choice.jobs);
    const at = one.cursor + helping.lines;
    helping.chunks.push(chunkOf(batch, one, { records, at, choice, now: this.#ports.now() }));
    helping.lines += records.length;
    one.taken += records.length;
    batch.fed += records.length;
    this.#count(one, -records.length);
    this.#helpings.set(one, helping);
    this.#candidates.clear();
    return records.length;
  }
}
