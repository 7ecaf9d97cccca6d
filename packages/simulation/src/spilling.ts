/** Which tiers lines of batches may go to, by the waits that balancing's Spills keeps: as the dispatcher's feed round asks it. */
import { Spills, takesCallsOf } from '@sluice/balancing';
import type { Lane, SpillTiers } from '@sluice/balancing';
import type { Fleet } from '@sluice/job';
import type { Backlog } from './backlog.ts';
import type { HealthBook } from './health-book.ts';
import type { Task } from './task.ts';

export class Spilling {
  readonly #health: HealthBook;
  readonly #spills: Spills;
  /** Lines by class, as they were counted. */
  readonly #seen = new Map<string, number>();

  constructor({ fleet, health }: { fleet: Fleet; health: HealthBook }) {
    this.#health = health;
    this.#spills = new Spills(fleet.pools);
  }

  /** Of the lines that wait now. */
  look({ classes }: Pick<Backlog, 'classes'>, now: number): void {
    for (const [key, { lines, example }] of classes) {
      const by = lines - (this.#seen.get(key) ?? 0);
      if (by === 0 || !this.#spills.concerns(example.job.pool)) continue;
      this.#spills.count(laneOf(example), by, now);
      this.#seen.set(key, lines);
    }
  }

  /** Since when such lines have waited for their first open tier, ms; null = their pool does not spill. */
  since(task: Task, now: number): number | null {
    return this.#spills.concerns(task.job.pool) ? this.#spills.since(laneOf(task), now) : null;
  }

  /** A line was placed. */
  placed(task: Task, deployment: string, now: number): void {
    if (!this.#spills.concerns(task.job.pool)) return;
    if (!this.tiersOf(task, now)?.later.has(deployment)) this.#spills.took(laneOf(task), now);
  }

  tiersOf({ job }: Task, now: number): SpillTiers | null {
    return this.#spills.tiersOf(job.pool, (id) =>
      takesCallsOf(job.eligible, this.#health.stands(id, now)),
    );
  }

  mayGo(
    task: Task,
    to: { deployment: string; hasRoom: (deployment: string) => boolean },
    now: number,
  ): boolean {
    const tiers = this.tiersOf(task, now);
    return tiers === null || this.#spills.mayGo(laneOf(task), { ...to, tiers }, now);
  }
}

const laneOf = ({ job }: Task): Lane => ({
  whose: `${job.priority} ${job.tenant}`,
  pool: job.pool,
  formats: job.eligible === null ? '*' : [...job.eligible].join(','),
});
