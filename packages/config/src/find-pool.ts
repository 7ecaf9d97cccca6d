/** From what a request asks for to who serves it: the routes first, else the pool or deployment that its model names. */
import type { Deployment, Fleet, Pool } from '@sluice/job';
import { route } from '@sluice/routing';
import type { RequestFacts, Route, Routed } from '@sluice/routing';
import { lookupModel } from './lookup-model.ts';

export interface PoolSearch {
  fleet: Fleet;
  routes: readonly Route[];
  /** Pools that the caller may name; null = all. Where a route then leads is the operator's choice. */
  allowed: readonly string[] | null;
}

export type PoolFound =
  | { kind: 'pool'; pool: Pool; routed: Routed }
  | { kind: 'deployment'; deployment: Deployment }
  /** No such name for this caller, and no route takes it. */
  | { kind: 'unknown' };

/** A request as it came. */
export interface PoolRequest extends Omit<RequestFacts, 'pool' | 'key'> {
  affinityKey: string | null;
  /** The job's id, or what stands for it: decides in a split when nothing else does. */
  id: string;
}

/** `now`: when it was accepted, Unix ms. */
export function findPool(
  { fleet, routes, allowed }: PoolSearch,
  request: PoolRequest,
  now: number,
): PoolFound {
  const named = lookupModel(fleet, request.model);
  if (named.kind === 'deployment')
    return maySee(fleet, allowed, named.deployment) ? named : { kind: 'unknown' };
  if (named.kind !== 'unknown' && allowed !== null && !allowed.includes(named.pool.id))
    return { kind: 'unknown' };
  const pool = named.kind === 'unknown' ? null : named.pool.id;
  const routed = route({ ...request, pool, key: keyOf(request) }, routes, now);
  const found = routed.pool === null ? undefined : fleet.pools.get(routed.pool);
  return found ? { kind: 'pool', pool: found, routed } : { kind: 'unknown' };
}

function keyOf({ affinityKey, body, id }: PoolRequest): string {
  const { user } = body;
  return affinityKey ?? (typeof user === 'string' ? user : id);
}

/** A deployment may be named by whoever may name a pool that it serves. */
const maySee = (fleet: Fleet, allowed: PoolSearch['allowed'], { id }: Deployment): boolean =>
  allowed === null || allowed.some((pool) => fleet.pools.get(pool)?.tiers.flat().includes(id));
