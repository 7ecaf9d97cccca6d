/** Pools whose lines are to be cheap rather than soon. Pure. */
import { strategyFor } from '@sluice/balancing';
import type { Fleet } from '@sluice/job';

/** Whether lines of this pool are to be cheap rather than soon. */
export const savesMoney = (fleet: Fleet, pool: string): boolean =>
  withinPercentOf(fleet, pool) !== null;

/** How much dearer than the cheapest still counts as equally cheap, %; null = lines of this pool are to be soon rather than cheap. */
export function withinPercentOf({ pools }: Fleet, id: string): number | null {
  const pool = pools.get(id);
  return (pool && strategyFor(pool.strategy)?.withinPercent) ?? null;
}
