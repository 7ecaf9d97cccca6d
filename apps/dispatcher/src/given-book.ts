/** What the leader gave lately, in jobs by pool and deployment: who gets which share of a pool's work. For display alone. */
import { addLately, sharesLately, sumLately } from '@sluice/balancing';
import type { Lately } from '@sluice/balancing';

export class GivenBook {
  readonly #pools = new Map<string, Map<string, Lately>>();

  /** Jobs or lines of the pool were placed there. */
  count(to: { pool: string; deployment: string }, jobs: number, now: number): void {
    const given = this.#pools.get(to.pool) ?? new Map<string, Lately>();
    given.set(to.deployment, addLately(given.get(to.deployment), jobs, now));
    this.#pools.set(to.pool, given);
  }

  /** Forgets other pools, and what was given to those who take nothing any more: when they do again, they begin anew. */
  keep(pools: ReadonlyMap<string, unknown>, takes: (deployment: string) => boolean): void {
    for (const [pool, given] of this.#pools) {
      if (!pools.has(pool)) this.#pools.delete(pool);
      for (const id of given.keys()) if (!takes(id)) given.delete(id);
    }
  }

  /** All that was given of the pool's work, in jobs; what is longer ago counts less. */
  all(pool: string, now: number): number {
    let all = 0;
    for (const given of this.#pools.get(pool)?.values() ?? []) all += sumLately(given, now);
    return all;
  }

  /** Each member's share of the pool's work, 0…1; null: nothing of it was given to any of them in the last minute. */
  shares(
    pool: string,
    about: { members: readonly string[]; takes: (deployment: string) => boolean; now: number },
  ): Map<string, number | null> {
    const given = this.#pools.get(pool);
    const { members, takes, now } = about;
    return sharesLately(members, (id) => sumLately(given?.get(id), now), takes);
  }
}
