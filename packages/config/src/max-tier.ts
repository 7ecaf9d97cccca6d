/** Whether a `max_tier` says anything in the pools that it is meant for. */
import type { Fleet } from '@sluice/job';

/**
 * Null where one of these pools (or `deployment/<id>`, which is one tier) has so many tiers; else what is allowed: it reads on from
 * "allowed:", and names the pool with the most.
 */
export const tiersExceeded = (
  { pools: known }: Fleet,
  maxTier: number | null,
  pools: readonly string[],
): string | null =>
  tierBeyond(
    maxTier,
    pools.map((pool) => ({ pool, tiers: known.get(pool)?.tiers.length ?? 1 })),
  );

/** The same of pools whose numbers of tiers are at hand. */
export function tierBeyond(
  maxTier: number | null,
  rows: readonly { pool: string; tiers: number }[],
): string | null {
  const [most] = rows.toSorted((a, b) => b.tiers - a.tiers);
  if (maxTier === null || most === undefined || maxTier <= most.tiers) return null;
  const { pool, tiers } = most;
  return tiers === 1 ? `1; ${pool} has one tier` : `1 to ${tiers}; ${pool} has ${tiers} tiers`;
}
