/** Finds what a request's `model` names: a pool, a pool's alias, or one deployment as `deployment/<id>`. */
import type { Deployment, Fleet, Pool } from '@sluice/job';

export type ModelLookup =
  | { kind: 'pool'; pool: Pool }
  | { kind: 'alias'; pool: Pool }
  | { kind: 'deployment'; deployment: Deployment }
  | { kind: 'unknown'; known: string[] };

const DEPLOYMENT = 'deployment/';

export function lookupModel(fleet: Fleet, name: string): ModelLookup {
  const pool = fleet.pools.get(name);
  if (pool) return { kind: 'pool', pool };
  for (const other of fleet.pools.values()) {
    if (other.aliases.includes(name)) return { kind: 'alias', pool: other };
  }
  const deployment = name.startsWith(DEPLOYMENT)
    ? fleet.deployments.get(name.slice(DEPLOYMENT.length))
    : undefined;
  return deployment
    ? { kind: 'deployment', deployment }
    : { kind: 'unknown', known: knownModels(fleet) };
}

/** Pools and aliases: what a client may name. */
export const knownModels = (fleet: Fleet): string[] =>
  [...fleet.pools.values()].flatMap(({ id, aliases }) => [id, ...aliases]);
