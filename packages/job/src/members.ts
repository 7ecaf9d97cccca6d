/** What a pool's name stands for: the pool of the config, or the one deployment that `deployment/<id>` names. */
import type { Fleet } from './deployment.ts';

const ONE = 'deployment/';

/** Deployments by tier; null = the config has no such pool. That there is a deployment of the name is not looked at. */
export function tiersOf({ pools }: Pick<Fleet, 'pools'>, pool: string): string[][] | null {
  const tiers = pools.get(pool)?.tiers;
  return tiers ?? (pool.startsWith(ONE) ? [[pool.slice(ONE.length)]] : null);
}

/** All of them up to a tier (null = all). */
export const membersOf = (
  fleet: Pick<Fleet, 'pools'>,
  pool: string,
  maxTier: number | null = null,
): string[] | null =>
  tiersOf(fleet, pool)
    ?.slice(0, maxTier ?? Infinity)
    .flat() ?? null;
