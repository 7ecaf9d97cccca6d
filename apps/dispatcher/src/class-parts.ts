/** Lines of a class by the arms of a split that they are kept to. Pure. */
import { sharesOf } from '@sluice/balancing';
import type { Fleet } from '@sluice/job';
import type { BatchClass } from '@sluice/ledger';

/** Lines of a class that are kept to one arm; all of them, and no arm, where its pool keeps them to none. */
interface Part {
  /** Of the lines of the class, 0 to 1. */
  share: number;
  arm: string | null;
}

interface Ports {
  fleet: Fleet;
  /** Deployments of the pool whose wire format can say it; null = all. */
  eligible: (pool: string, formats: number) => ReadonlySet<string> | null;
}

export function partsOf(
  { fleet, eligible }: Ports,
  { pool: id, formats }: Pick<BatchClass, 'pool' | 'formats'>,
): Part[] {
  const pool = fleet.pools.get(id);
  const shares = pool ? sharesOf(pool, eligible(id, formats)) : null;
  return shares === null
    ? [{ share: 1, arm: null }]
    : [...shares].map(([arm, share]) => ({ share, arm }));
}
