/** Where a request goes: by the routes, else by the model that it names, as the API and batches have it. */
import { findPool, knownModels } from '@sluice/config';
import type { PoolRequest } from '@sluice/config';
import type { Priority } from '@sluice/job';
import type { Installed } from './build-scenario.ts';
import { mistake, shown } from './mistake.ts';

/** When a simulation begins, Unix ms: Monday, 1 January 2024, 0:00 UTC. Routes that ask for a time go by it. */
const BEGINS_AT = Date.UTC(2024, 0, 1);

/** Who sends requests. */
export type Sender = Pick<PoolRequest, 'tenant' | 'priority'>;

export type Asked = Omit<PoolRequest, 'tenant' | 'priority' | 'metadata' | 'affinityKey'>;

export interface Destination {
  /** A pool's id, or `deployment/<id>`. */
  pool: string;
  /** What a route says of single jobs; null = nothing. */
  maxTier: number | null;
  priority: Priority | null;
}

/** `at`: when it comes, ms of the simulation. Throws InputMistake that names the place `where` and what may be named. */
export function whereTo(
  { config, fleet, tenants }: Pick<Installed, 'config' | 'fleet' | 'tenants'>,
  asked: Asked & Sender,
  { at, where }: { at: number; where: string },
): Destination {
  const allowed = tenants.find(({ id }) => id === asked.tenant)?.pools ?? null;
  const search = { fleet, routes: config.routes, allowed };
  const found = findPool(search, { ...asked, metadata: {}, affinityKey: null }, BEGINS_AT + at);
  if (found.kind === 'deployment') return { pool: asked.model, maxTier: null, priority: null };
  if (found.kind === 'unknown')
    throw mistake(
      where,
      shown(asked.model),
      `one of ${(allowed ?? knownModels(fleet)).join(', ')}`,
    );
  const { maxTier, priority } = found.routed;
  return { pool: found.pool.id, maxTier, priority };
}

/** Who comes without a key of a tenant: the usual sender, in the config or not. */
const NOBODY = 'default';

/** With tenants in the config only these send anything. Throws InputMistake naming them. */
export function checkTenant(tenant: string, known: Installed['tenants'], where: string): void {
  if (known.length === 0 || tenant === NOBODY || known.some(({ id }) => id === tenant)) return;
  const names = known.map(({ id }) => id).join(', ');
  throw mistake(`${where}: tenant`, shown(tenant), `a tenant of the config: ${names}`);
}
