/** What the leader says of pools and deployments for people to look at: on the admin pages, in metrics, on the board. */
import { shares } from '@sluice/balancing';
import type { Fleet, Pool } from '@sluice/job';
import type { Picture } from './picture.ts';

/** Both 0…1. */
interface Shares {
  /** Of the work placed in about the last half minute; null: none was placed in the last minute. */
  share: number | null;
  /** Of work like that: what its limits would let it carry. */
  capacity_share: number;
}

interface PoolFigures {
  /** Lines of its batches that are not fed, and jobs and lines that wait here for another place: what the ledger's backlog has not. */
  waiting: number;
  deployments: Record<string, Shares>;
}

/** `share`: of the work of all pools that it serves; `capacity_share`: the mean over them. */
interface DeploymentFigures extends Shares {
  /** Of the calls that ended in about the last half minute, without 429s and lost ones; null: none ended in the last minute. */
  error_rate: number | null;
}

interface FiguresPorts {
  fleet: Fleet;
  picture: Picture;
  /** Whether it is given new work. */
  takes: (deployment: string) => boolean;
  /** What waits of a pool, each by some count of its own. */
  waiting: readonly ReadonlyMap<string, number>[];
  now: number;
}

interface LiveFigures {
  pools: Record<string, PoolFigures>;
  deployments: Map<string, DeploymentFigures>;
}

export function liveFigures(ports: FiguresPorts): LiveFigures {
  const { fleet, picture, takes, waiting, now } = ports;
  picture.given.keep(fleet.pools, takes);
  const sums = new Map([...fleet.deployments.keys()].map((id) => [id, noSums()]));
  const pools = [...fleet.pools.values()].map((pool) => {
    const deployments = sharesIn(pool, ports);
    addTo(sums, pool, { deployments, work: picture.given.all(pool.id, now) });
    const sum = waiting.reduce((total, counts) => total + (counts.get(pool.id) ?? 0), 0);
    return [pool.id, { waiting: sum, deployments }] as const;
  });
  return {
    pools: Object.fromEntries(pools),
    deployments: new Map([...sums].map(([id, sum]) => [id, figuresOf(id, sum, ports)])),
  };
}

function sharesIn({ id, tiers }: Pool, { picture, takes, now }: FiguresPorts) {
  const members = tiers.flat();
  const given = picture.given.shares(id, { members, takes, now });
  const able = shares(picture.lineup(tiers, now).candidates, picture.usualCost(members));
  const rows = members.map((member): [string, Shares] => [
    member,
    { share: given.get(member) ?? null, capacity_share: able.get(member) ?? 0 },
  ]);
  return Object.fromEntries(rows);
}

/** Of one deployment, over the pools it serves. */
interface Sums {
  /** Jobs placed lately: on it, and in all. */
  own: number;
  work: number;
  capacity: number;
  pools: number;
}

const noSums = (): Sums => ({ own: 0, work: 0, capacity: 0, pools: 0 });

function addTo(
  sums: ReadonlyMap<string, Sums>,
  { tiers }: Pool,
  { deployments, work }: { deployments: Record<string, Shares>; work: number },
): void {
  for (const id of tiers.flat()) {
    const sum = sums.get(id) ?? noSums();
    const { share, capacity_share: capacity } = deployments[id] as Shares;
    sum.own += (share ?? 0) * work;
    sum.work += work;
    sum.capacity += capacity;
    sum.pools += 1;
  }
}

function figuresOf(
  id: string,
  { own, work, capacity, pools }: Sums,
  { picture, takes, now }: FiguresPorts,
): DeploymentFigures {
  const share = work > 0 ? own / work : null;
  return {
    share: takes(id) ? share : 0,
    capacity_share: capacity / Math.max(1, pools),
    error_rate: picture.errorRate(id, now),
  };
}
