/** From what a client asks for to the pool that serves it, and whether any of its deployments can say the request. */
import { getsNothing } from '@sluice/balancing';
import { findPool, knownModels, lookupModel } from '@sluice/config';
import type { PoolFound, PoolRequest, PoolSearch } from '@sluice/config';
import type { Deployment, Endpoint, Fleet, Pool } from '@sluice/job';
import { formatsOf } from '@sluice/providers';
import { refuse, show } from './errors.ts';
import type { Caller } from './http/message.ts';

export interface Routed {
  /** The pool's id, or `deployment/<id>`. */
  pool: string;
  deployments: Deployment[];
  /** What the routes said; null where a deployment was named. */
  by: Extract<PoolFound, { kind: 'pool' }>['routed'] | null;
}

/**
 * Where a job goes; `now`: when it is accepted, Unix ms. Throws 404 `model_not_found`, naming what this caller may name.
 */
export function routeJob(
  { fleet, routes }: Pick<PoolSearch, 'fleet' | 'routes'>,
  caller: Caller,
  { now, ...request }: Omit<PoolRequest, 'tenant'> & { now: number },
): Routed {
  const search = { fleet, routes, allowed: caller.pools };
  const found = findPool(search, { ...request, tenant: caller.id }, now);
  if (found.kind === 'deployment') {
    const { id } = found.deployment;
    return { pool: `deployment/${id}`, deployments: [found.deployment], by: null };
  }
  if (found.kind === 'unknown') return refuseModel(fleet, caller, request.model);
  return { pool: found.pool.id, deployments: deploymentsOf(fleet, found.pool), by: found.routed };
}

/** Throws 404 `model_not_found` unless it is a pool, alias or deployment that this caller may name. */
export function checkModel(fleet: Fleet, caller: Caller, model: string): void {
  const found = lookupModel(fleet, model);
  if (found.kind === 'deployment' && mayUseDeployment(fleet, caller, found.deployment)) return;
  if ((found.kind === 'pool' || found.kind === 'alias') && mayUse(caller, found.pool)) return;
  refuseModel(fleet, caller, model);
}

function refuseModel(fleet: Fleet, caller: Caller, model: string): never {
  const allowed = modelsFor(fleet, caller).join(', ') || 'none';
  return refuse('model_not_found', { param: 'model', values: { found: show(model), allowed } });
}

/** Pools and aliases this caller may name. */
export const modelsFor = (fleet: Fleet, caller: Caller): string[] =>
  knownModels(fleet).filter((name) => {
    const found = lookupModel(fleet, name);
    return found.kind !== 'unknown' && found.kind !== 'deployment' && mayUse(caller, found.pool);
  });

/** Bits of the wire formats that can say this body; throws 400 naming the parameter when none can. */
export function formatsFor(
  { pool, deployments, by }: Routed,
  endpoint: Endpoint,
  { body, within }: { body: Record<string, unknown>; within: string },
): number {
  const { mask, unsayable } = formatsOf(deployments, endpoint, body);
  if (mask !== 0) return mask;
  const [first = 'endpoint'] = unsayable;
  const field = first === 'endpoint' ? first : `${within}${first}`;
  const routed = by === null || by.route === null ? '' : ` (${by.why})`;
  const hint = unsayable.some((name) => name === 'messages' || name === 'stream')
    ? ''
    : '; leave it out, or let its deployments leave it out with drop_params in the config';
  const reason =
    first === 'endpoint'
      ? `no deployment of ${pool} serves ${endpoint}`
      : `no deployment of ${pool} can express ${unsayable.join(', ')}${routed}${hint}`;
  return refuse('unsupported_parameter', { param: field, values: { field, reason } });
}

const mayUse = (caller: Caller, pool: Pool): boolean =>
  caller.pools === null || caller.pools.includes(pool.id);

const mayUseDeployment = (fleet: Fleet, caller: Caller, deployment: Deployment): boolean =>
  caller.pools === null ||
  caller.pools.some((id) => fleet.pools.get(id)?.tiers.flat().includes(deployment.id));

/** None that the pool gives nothing: what only such a one can say would wait for ever. */
const deploymentsOf = (fleet: Fleet, pool: Pool): Deployment[] =>
  pool.tiers
    .flat()
    .filter((id) => !getsNothing(pool, id))
    .flatMap((id) => fleet.deployments.get(id) ?? []);
