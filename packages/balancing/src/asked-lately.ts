/**
 * What jobs have asked for lately: pools with batch traffic, and jobs that may use only a part of their pool (a `max_tier`, a
 * wire format that not all speak, a deployment named as the model). For these a deployment may be the last although others of
 * the pool are well. What has not been asked for again is forgotten after {@link LATELY_MS}. Pure: times are arguments.
 */
import type { Asked } from './candidate.ts';
import { reachesOf } from './kept-tiers.ts';
import type { Tiered } from './kept-tiers.ts';

export const LATELY_MS = 10_000;

/** How much of its pool a job may use; see {@link Asked}. */
export type Reach = Pick<Asked, 'maxTier' | 'eligible'>;

interface Narrow extends Reach {
  pool: string;
  /** When it was last asked for, ms. */
  at: number;
}

export class AskedLately {
  readonly #poolOf: (pool: string) => Tiered;
  readonly #batchAt = new Map<string, number>();
  readonly #narrow = new Map<string, Narrow>();

  constructor(poolOf: (pool: string) => Tiered) {
    this.#poolOf = poolOf;
  }

  /** A job wants, or waits for, a place in the pool. `whole`: who may use all of it needs no remembering. */
  note(pool: string, asked: Reach & { band: Asked['band']; whole: boolean }, now: number): void {
    if (asked.band !== 'interactive') this.#batchAt.set(pool, now);
    const { maxTier, eligible, whole } = asked;
    if (whole && maxTier === null && eligible === null) return;
    const key = `${pool} ${maxTier ?? ''} ${eligible === null ? '*' : [...eligible].join(',')}`;
    this.#narrow.set(key, { pool, maxTier, eligible, at: now });
  }

  /** Whether batch jobs asked for a place in some pool of the deployment: there will be more, which can try it. */
  hasBatch(deployment: string, now: number): boolean {
    for (const [pool, at] of this.#batchAt)
      if (now - at < LATELY_MS && this.#poolOf(pool).tiers.flat().includes(deployment)) return true;
    return false;
  }

  /** The deployments that each kind of such jobs may use. */
  reaches(now: number): string[][] {
    for (const [key, { at }] of this.#narrow) if (now - at >= LATELY_MS) this.#narrow.delete(key);
    return [...this.#narrow.values()].flatMap((each) => reachesOf(this.#poolOf(each.pool), each));
  }
}

/** Whether some job has nobody else: the deployment is in one of `reaches`, and the others there are not usable. */
export const isLast = (
  deployment: string,
  reaches: readonly (readonly string[])[],
  usable: (deployment: string) => boolean,
): boolean =>
  reaches.some(
    (reach) =>
      reach.includes(deployment) && reach.every((other) => other === deployment || !usable(other)),
  );
