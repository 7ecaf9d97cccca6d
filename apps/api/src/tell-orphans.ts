/**
 * Batches that no key of a tenant reaches: made before there were tenants, or by one that has left the config. They go on
 * and cost money; the log says so once, at the start.
 */
import { listIds } from '@sluice/ledger';
import type { Api } from './api.ts';
import { hasEnded } from './find-batch.ts';
import type { BatchStatus } from '@sluice/ledger';

/** Newest batches that are looked at. */
const MOST = 1_000;

/** Ids of open batches whose tenant the config does not have; none where there are no tenants. */
export async function findOrphans({
  ledger,
  tenants,
}: Pick<Api, 'ledger' | 'tenants'>): Promise<string[]> {
  if (tenants.length === 0) return [];
  const known = new Set(tenants.map(({ id }) => id));
  const ids = await listIds(ledger, { kind: 'batches', tenant: null, order: 'desc' }, MOST);
  const rows = await Promise.all(
    ids.map((id) => ledger.redis.hmget(ledger.keys.batch(id), 'status', 'tenant')),
  );
  return ids.filter((_, i) => {
    const [status, tenant] = rows[i] as [BatchStatus | null, string | null];
    return status !== null && tenant !== null && !hasEnded(status) && !known.has(tenant);
  });
}

/** Redis may be away at the start: then nothing is said. */
export async function tellOrphans(api: Pick<Api, 'ledger' | 'tenants' | 'events'>): Promise<void> {
  const found = await findOrphans(api).catch(() => []);
  if (found.length > 0) api.events.orphans({ batches: found.length, first: found[0] as string });
}
