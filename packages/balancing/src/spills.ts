/**
 * When lines of batches may leave a full tier: in pools with `spill_after_ms`, once those of a lane have waited so long for the
 * first tier in which somebody takes calls (HeadWaits says what waiting is), and while that has no room. Pure: times are arguments.
 */
import type { Pool } from '@sluice/job';
import { HeadWaits } from './head-waits.ts';

/** Lines that take their turns together and find room together. */
export interface Lane {
  /** Whose they are, with the band. */
  whose: string;
  pool: string;
  /** Names the wire formats that can say them. */
  formats: string | number;
}

/** A pool that spills, as it stands. */
export interface SpillTiers {
  /** The first tier in which somebody takes calls. */
  first: readonly string[];
  /** All deployments of the tiers behind it. */
  later: ReadonlySet<string>;
}

export class Spills {
  readonly #pools: ReadonlyMap<string, Pick<Pool, 'tiers' | 'spillAfterMs'>>;
  readonly #waits = new HeadWaits();

  constructor(pools: ReadonlyMap<string, Pick<Pool, 'tiers' | 'spillAfterMs'>>) {
    this.#pools = pools;
  }

  /** Whether lines of the pool ever leave a full tier. */
  concerns(pool: string): boolean {
    return this.#afterMs(pool) !== null;
  }

  /** So many more lines of the lane wait (fewer: below 0). Of every pool: it may spill after the next reload. */
  count(lane: Lane, by: number, now: number): void {
    this.#waits.count(keyOf(lane), by, now);
  }

  /** The first open tier took some of the lane. */
  took(lane: Lane, now: number): void {
    this.#waits.took(keyOf(lane), now);
  }

  /** Since when the lane has waited for the first open tier, ms; `now` where the pool does not spill. */
  since(lane: Lane, now: number): number {
    return this.concerns(lane.pool) ? this.#waits.since(keyOf(lane), now) : now;
  }

  /** Whether the lane has waited for as long as its pool says. */
  isDue(lane: Lane, now: number): boolean {
    const afterMs = this.#afterMs(lane.pool);
    return afterMs !== null && now - this.since(lane, now) >= afterMs;
  }

  /** null: the pool does not spill, or nobody in it takes calls. */
  tiersOf(pool: string, takesCalls: (deployment: string) => boolean): SpillTiers | null {
    if (!this.concerns(pool)) return null;
    const tiers = this.#pools.get(pool)?.tiers ?? [];
    const first = tiers.findIndex((tier) => tier.some(takesCalls));
    if (first < 0) return null;
    return { first: tiers[first] ?? [], later: new Set(tiers.slice(first + 1).flat()) };
  }

  /** Whether lines of the lane may go to that deployment now, room or not. `hasRoom`: for one of them, in the first tier. */
  mayGo(
    lane: Lane,
    to: { deployment: string; tiers: SpillTiers; hasRoom: (deployment: string) => boolean },
    now: number,
  ): boolean {
    const { deployment, tiers, hasRoom } = to;
    if (!tiers.later.has(deployment)) return true;
    return this.isDue(lane, now) && !tiers.first.some(hasRoom);
  }

  #afterMs(pool: string): number | null {
    return this.#pools.get(pool)?.spillAfterMs ?? null;
  }
}

const keyOf = ({ whose, pool, formats }: Lane): string => `${pool} ${formats} ${whose}`;
