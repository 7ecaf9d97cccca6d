/** A fleet as it would be with another strategy. */
import type { Fleet, Pool } from '@sluice/job';
import type { Scenario } from './scenario.ts';

/** With the strategy that is tried instead of the pools' own; a pool of that strategy keeps its settings. */
export function withStrategy({ fleet, strategy: name }: Scenario): Fleet {
  if (name === undefined) return fleet;
  const pools = [...fleet.pools].map(([id, pool]): [string, Pool] => [
    id,
    pool.strategy.name === name ? pool : { ...pool, strategy: { name } },
  ]);
  return { ...fleet, pools: new Map(pools) };
}
