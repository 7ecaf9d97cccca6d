/** Of deployments with a limit per day or month, whether any of what waits for them fits: as the dispatcher's DayDemand asks it. */
import { fitting } from '@sluice/balancing';
import type { Waits } from '@sluice/balancing';
import type { Fleet } from '@sluice/job';
import type { Backlog } from './backlog.ts';
import type { HealthBook } from './health-book.ts';
import type { Learned } from './learned.ts';
import type { Picture } from './picture.ts';
import { shunnedNow } from './task.ts';
import type { Task } from './task.ts';

export interface DemandPorts {
  fleet: Fleet;
  backlog: Pick<Backlog, 'kinds'>;
  learned: Pick<Learned, 'cost'>;
  picture: Pick<Picture, 'withDays' | 'queued' | 'jobsThatFit' | 'renewalMs' | 'pausedForMs'>;
  health: Pick<HealthBook, 'pausedFor'>;
}

/** So long it stands that nothing fits, as in the dispatcher. */
const STANDS_MS = 1_000;

export class DayDemand {
  readonly #ports: DemandPorts;
  /** Deployments for which all that waited was too large (false), or nothing waited (null), and until when that stands, ms. */
  readonly #nothing = new Map<string, { fits: false | null; until: number }>();

  constructor(ports: DemandPorts) {
    this.#ports = ports;
  }

  /** Of which nothing fits of what waits counts as used up. */
  look(now: number): void {
    const { fleet, health, picture } = this.#ports;
    const found = this.#fitting(now);
    for (const id of fleet.deployments.keys()) {
      const fits = found.get(id);
      const otherwiseMs = fits === false ? picture.renewalMs(id) : 0;
      health.pausedFor(id, fits === undefined ? picture.pausedForMs(id) : otherwiseMs, now);
    }
  }

  /** None for which nothing waits. What is placed counts as fitting until its gate has had a look: what does not fit comes back. */
  #fitting(now: number): ReadonlyMap<string, boolean> {
    const { picture } = this.#ports;
    const found = new Map<string, boolean>();
    const open: string[] = [];
    for (const id of picture.withDays) {
      const known = this.#nothing.get(id);
      if (picture.queued(id) > 0) found.set(id, true);
      else if (known === undefined || known.until <= now) open.push(id);
      else if (known.fits !== null) found.set(id, known.fits);
    }
    for (const [id, fits] of fitting(open, this.#waits(now))) found.set(id, fits);
    for (const id of open) {
      const fits = found.get(id) ?? null;
      if (fits === true) this.#nothing.delete(id);
      else this.#nothing.set(id, { fits, until: now + STANDS_MS });
    }
    return found;
  }

  *#waits(now: number): Generator<Waits> {
    const { backlog, learned, picture } = this.#ports;
    for (const task of backlog.kinds()) {
      const shunned = shunnedNow(task, now);
      yield {
        members: this.#membersFor(task),
        fits: (id) => id !== shunned && picture.jobsThatFit(id, learned.cost(id, task)) >= 1,
      };
    }
  }

  #membersFor({ job: { pool, eligible, maxTier } }: Task): string[] {
    const tiers = this.#ports.fleet.pools.get(pool)?.tiers ?? [];
    const members = tiers.slice(0, maxTier ?? tiers.length).flat();
    return eligible === null ? members : members.filter((id) => eligible.has(id));
  }
}
