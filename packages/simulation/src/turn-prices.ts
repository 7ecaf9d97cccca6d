/** What a job costs its tenant: its part of the limits of its pool, as turns are charged (packages/fairness). */
import type { Cost } from '@sluice/budget';
import { costMs } from '@sluice/fairness';
import type { Limit } from '@sluice/fairness';
import type { Fleet } from '@sluice/job';
import type { Task } from './task.ts';

const PRICED = ['rpm', 'tpm', 'itpm', 'otpm', 'concurrency'] as const;

export class TurnPrices {
  readonly #fleet: Fleet;
  readonly #limits = new Map<string, Limit[]>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** ms of all of its pool's scarcest limit. */
  workMs({ job }: Task, { requests, input, output }: Cost, callMs: number): number {
    return costMs({ requests, input, output, callMs }, this.#limitsOf(job.pool));
  }

  /** The limits of a pool's deployments by dimension, added up; a budget that several share counts once. */
  #limitsOf(poolId: string): Limit[] {
    const known = this.#limits.get(poolId);
    if (known) return known;
    const fleet = this.#fleet;
    const members = (fleet.pools.get(poolId)?.tiers ?? []).flat();
    const drawn = new Set(members.flatMap((id) => fleet.deployments.get(id)?.budgets ?? []));
    const limits = PRICED.flatMap((dimension): Limit[] => {
      const sum = [...drawn].reduce(
        (total, id) => total + (fleet.budgets.get(id)?.limits[dimension] ?? 0),
        0,
      );
      const perMs = dimension === 'concurrency' ? sum : sum / 60_000;
      return sum > 0 ? [{ dimension, perMs }] : [];
    });
    this.#limits.set(poolId, limits);
    return limits;
  }
}
