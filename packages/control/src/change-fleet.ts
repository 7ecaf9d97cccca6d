/**
 * A process holds one Fleet for life; what changes is its content. So whoever reads it reads what is in force, and only
 * those that hold something open per deployment or pool (workers, queues, buckets) have to be told.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Deployment, Fleet, Limits } from '@sluice/job';

export interface FleetChange {
  deployments: Difference;
  pools: Difference;
  /** Deployments and shared budgets whose limits are others now. */
  limits: string[];
}

/** Ids. A deployment is changed when calls are made otherwise (key, model, URL, timeout …), not by its weight or limits. */
interface Difference {
  added: string[];
  removed: string[];
  changed: string[];
}

/** Gives `fleet` the content of `next`; what is the same keeps its place. */
export function changeFleet(fleet: Fleet, next: Fleet): FleetChange {
  const change = {
    deployments: difference(fleet.deployments, next.deployments, callFacts),
    pools: difference(fleet.pools, next.pools, (pool) => pool),
    limits: [...next.budgets.values()]
      .filter(({ id, limits }) => !isDeepStrictEqual(limitsOf(fleet, id), limits))
      .map(({ id }) => id),
  };
  refill(fleet.deployments, next.deployments);
  refill(fleet.budgets, next.budgets);
  refill(fleet.pools, next.pools);
  return change;
}

const limitsOf = (fleet: Fleet, id: string): Limits | undefined => fleet.budgets.get(id)?.limits;

/** Whatever its weight. */
const callFacts = (deployment: Deployment): object => ({ ...deployment, weight: 0 });

function difference<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
  facts: (value: T) => object,
): Difference {
  const both = [...after].filter(([id]) => before.has(id));
  return {
    added: [...after.keys()].filter((id) => !before.has(id)),
    removed: [...before.keys()].filter((id) => !after.has(id)),
    changed: both
      .filter(([id, value]) => !isDeepStrictEqual(facts(before.get(id) as T), facts(value)))
      .map(([id]) => id),
  };
}

/** In the order of `next`: it is the order of the file. */
function refill<T>(map: Map<string, T>, next: ReadonlyMap<string, T>): void {
  map.clear();
  for (const [id, value] of next) map.set(id, value);
}
