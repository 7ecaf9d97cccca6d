/**
 * The batches that are being drained and what waits of them, counted as it changes: a turn looks at its own tenant's batches,
 * and never at all of them. Pure.
 */
import { unfedOf } from './draining.ts';
import type { Draining, DrainingClass } from './draining.ts';
import type { Band } from './run-entry.ts';

/** Batches of one tenant and band take their turns together. */
export interface Share {
  /** Planned for, held by no ceiling, and with lines to feed, the earliest deadline first. */
  batches: Draining[];
  /** Their lines that wait, by class of the plan. */
  lines: Map<string, number>;
}

export interface FirstInTurn {
  tenant: string;
  priority: string;
  pool: string;
  /** Its id. */
  batch: string;
}

/** Of a tenant's batches, in turn: behind so many a pool that none of them has is not looked for. */
const MOST_LOOKED_AT = 64;

/** What is in the sums of a batch, so that it can be taken out again. */
interface Noted {
  out: number;
  /** What is unfed of each class; `planId` null: it has no turn, for it is not planned for yet or its ceiling holds it. */
  lines: Map<DrainingClass, { planId: string | null; lines: number }>;
}

const BANDS: readonly Band[] = [1, 2, 3];
const NOTHING: Noted = { out: 0, lines: new Map() };

const inTurn = (a: Draining, b: Draining): number =>
  a.expiresAt - b.expiresAt || a.createdAt - b.createdAt;

/** Where it belongs among these, which are in turn: behind its equals. A leader that begins puts thousands in. */
function placeAmong(batches: readonly Draining[], batch: Draining): number {
  let [from, to] = [0, batches.length];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if (inTurn(batches[middle] as Draining, batch) <= 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** So many more lines of the class wait (fewer: below 0). */
type Counted = (batch: Draining, one: DrainingClass, by: number) => void;

export class DrainingBook {
  readonly #batches = new Map<string, Draining>();
  readonly #noted = new Map<string, Noted>();
  readonly #shares = new Map<string, Share>();
  readonly #waiting: Record<Band, Map<string, number>> = {
    1: new Map(),
    2: new Map(),
    3: new Map(),
  };
  readonly #out = new Map<string, number>();
  readonly #unfed = new Map<string, number>();
  readonly #counted: Counted;

  constructor(counted: Counted = () => undefined) {
    this.#counted = counted;
  }

  get size(): number {
    return this.#batches.size;
  }

  get ids(): string[] {
    return [...this.#batches.keys()];
  }

  get all(): Draining[] {
    return [...this.#batches.values()];
  }

  get(id: string): Draining | undefined {
    return this.#batches.get(id);
  }

  add(batch: Draining): void {
    this.#batches.set(batch.id, batch);
    this.note(batch);
  }

  remove(batch: Draining): void {
    if (!this.#holds(batch)) return;
    this.#batches.delete(batch.id);
    this.#enter(batch, NOTHING);
    this.#noted.delete(batch.id);
  }

  /** Its lines, its classes' names in the plan, or whether it is planned for have changed. A batch that has gone is passed over. */
  note(batch: Draining): void {
    if (!this.#holds(batch)) return;
    const hasTurns = batch.planned && !(batch.ceiling?.held ?? false);
    const lines = batch.classes.map(
      (one) => [one, { planId: hasTurns ? one.planId : null, lines: unfedOf(one) }] as const,
    );
    this.#enter(batch, { out: batch.fed - batch.recorded, lines: new Map(lines) });
  }

  /** Lines that wait to be fed, by pool, planned for or not. */
  get unfed(): ReadonlyMap<string, number> {
    return this.#unfed;
  }

  /** Lines of the tenant's batches that are fed and not recorded. */
  linesOut(tenant: string): number {
    return this.#out.get(tenant) ?? 0;
  }

  /** What the batch's tenant has in its band; undefined while nothing of it may be fed. */
  shareOf(of: Pick<Draining, 'tenant' | 'priority'>): Share | undefined {
    return this.#shares.get(shareId(of));
  }

  get shares(): Share[] {
    return [...this.#shares.values()];
  }

  /** By tenant, priority and pool the batch with the next turn, where others of the tenant wait behind it. */
  get firstInTurn(): FirstInTurn[] {
    return this.shares.flatMap(({ batches }) => {
      if (batches.length < 2) return [];
      const first = new Map<string, FirstInTurn>();
      for (const { id, tenant, priority, classes } of batches.slice(0, MOST_LOOKED_AT))
        for (const one of classes)
          if (unfedOf(one) > 0 && !first.has(one.pool))
            first.set(one.pool, { tenant, priority, pool: one.pool, batch: id });
      return [...first.values()];
    });
  }

  /** Lines of the class whose turn comes no later than this batch's: for those a deployment may be kept. */
  waitingFor({ band }: Pick<Draining, 'band'>, planId: string): number {
    let lines = 0;
    for (const each of BANDS) if (each <= band) lines += this.#waiting[each].get(planId) ?? 0;
    return lines;
  }

  #holds(batch: Draining): boolean {
    return this.#batches.get(batch.id) === batch;
  }

  #enter(batch: Draining, now: Noted): void {
    const before = this.#noted.get(batch.id) ?? NOTHING;
    const share = this.#shares.get(shareId(batch)) ?? { batches: [], lines: new Map() };
    for (const [{ lines: of }, sign] of [
      [before, -1],
      [now, 1],
    ] as const)
      for (const [{ pool }, { planId, lines }] of of) {
        count(this.#unfed, pool, sign * lines);
        if (planId === null) continue;
        count(this.#waiting[batch.band], planId, sign * lines);
        count(share.lines, planId, sign * lines);
      }
    this.#tell(batch, before, now);
    count(this.#out, batch.tenant, now.out - before.out);
    this.#noted.set(batch.id, now);
    if (hasLines(before) !== hasLines(now)) this.#line(share, batch, hasLines(now));
  }

  #tell(batch: Draining, before: Noted, now: Noted): void {
    for (const one of batch.classes) {
      const by = turnsOf(now, one) - turnsOf(before, one);
      if (by !== 0) this.#counted(batch, one, by);
    }
  }

  /** Puts it among those of its share that have lines to feed, or takes it out. */
  #line(share: Share, batch: Draining, has: boolean): void {
    const { batches } = share;
    share.batches = has
      ? batches.toSpliced(placeAmong(batches, batch), 0, batch)
      : batches.filter((each) => each !== batch);
    if (share.batches.length > 0) this.#shares.set(shareId(batch), share);
    else this.#shares.delete(shareId(batch));
  }
}

const shareId = ({ tenant, priority }: Pick<Draining, 'tenant' | 'priority'>): string =>
  `${priority} ${tenant}`;

/** What comes to nothing is not held. */
function count(sums: Map<string, number>, of: string, by: number): void {
  const sum = (sums.get(of) ?? 0) + by;
  if (sum === 0) sums.delete(of);
  else sums.set(of, sum);
}

/** Lines of the class that have their turns. */
function turnsOf({ lines: of }: Noted, one: DrainingClass): number {
  const { planId = null, lines = 0 } = of.get(one) ?? {};
  return planId === null ? 0 : lines;
}

const hasLines = (noted: Noted): boolean =>
  [...noted.lines.keys()].some((one) => turnsOf(noted, one) > 0);
