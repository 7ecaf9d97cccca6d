/**
 * Webhook endpoints. Every slot knows which tenants have one, so that the script that ends a job or batch can write its
 * event in the same step (docs/decisions/0010).
 */
import { slotOf } from '@sluice/job';
import type { EndpointSecret, WebhookEndpoint, WebhookEvent } from '@sluice/job';
import { acceptRecord } from './accepting.ts';
import type { Accepted, Idempotency } from './accepting.ts';
import { SLOT_NUMBERS } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { unlist } from './lists.ts';
import { fieldsOf, hashOf, nullable, nullableNumber, numberOf } from './reply.ts';

type Fields = Record<string, string | number | null>;

const recordOf = (endpoint: Partial<WebhookEndpoint>): Fields => {
  const { tenant, name, url, eventTypes, createdAt, updatedAt, secrets, ...health } = endpoint;
  const fields: Record<string, string | number | null | undefined> = {
    tenant,
    name,
    url,
    types: eventTypes?.join(' '),
    created: createdAt,
    updated: updatedAt,
    secrets: secrets && JSON.stringify(secrets),
    status: health.status,
    disabled_reason: health.disabledReason,
    disabled_at: health.disabledAt,
    failing_since: health.failingSince,
  };
  return Object.fromEntries(
    Object.entries(fields).filter(
      (one): one is [string, string | number | null] => one[1] !== undefined,
    ),
  );
};

/**
 * Registers an endpoint: what its tenant's jobs and batches come to after this has resolved, it is told. A second call with
 * the same id changes nothing.
 */
export async function createEndpoint(
  ledger: Ledger,
  endpoint: WebhookEndpoint,
  idempotency: Idempotency | null = null,
): Promise<Accepted> {
  const { redis, keys } = ledger;
  const { id, tenant, createdAt } = endpoint;
  const slot = slotOf(id);
  await Promise.all(SLOT_NUMBERS.map((one) => redis.sadd(keys.listeners(one), tenant)));
  const accepted = await acceptRecord(ledger, {
    id,
    key: keys.endpoint(id),
    fields: recordOf(endpoint),
    createdAt,
    due: { key: keys.expiries(slot), at: null },
    list: { kind: 'endpoints', tenant },
    idempotency,
    backlog: null,
  });
  // Also for a key that made it before: whoever made it may have died here.
  await redis.sadd(keys.tenant(tenant).endpoints, accepted.id);
  return accepted;
}

/** Null when there is none (any more). */
export async function readEndpoint(ledger: Ledger, id: string): Promise<WebhookEndpoint | null> {
  const hash = hashOf(await ledger.redis.hgetall(ledger.keys.endpoint(id)));
  if (!hash?.['secrets']) return null;
  return {
    id,
    tenant: hash['tenant'] ?? '',
    name: hash['name'] ?? '',
    url: hash['url'] ?? '',
    eventTypes: (hash['types'] ?? '').split(' ').filter(Boolean) as WebhookEndpoint['eventTypes'],
    createdAt: numberOf(hash['created']),
    updatedAt: nullableNumber(hash['updated']),
    secrets: JSON.parse(hash['secrets']) as EndpointSecret[],
    status: hash['status'] === 'disabled' ? 'disabled' : 'active',
    disabledReason: nullable(hash['disabled_reason']),
    disabledAt: nullableNumber(hash['disabled_at']),
    failingSince: nullableNumber(hash['failing_since']),
  };
}

/** All of a tenant. */
export async function endpointsOf(ledger: Ledger, tenant: string): Promise<WebhookEndpoint[]> {
  const ids = await ledger.redis.smembers(ledger.keys.tenant(tenant).endpoints);
  const found = await Promise.all(ids.map((id) => readEndpoint(ledger, id)));
  return found.filter((one) => one !== null);
}

/** Sets what `change` names. An endpoint that is gone stays gone. */
export async function updateEndpoint(
  ledger: Ledger,
  id: string,
  change: Partial<WebhookEndpoint>,
): Promise<boolean> {
  const { redis, keys } = ledger;
  const set = await redis.eval(UPDATE, 1, keys.endpoint(id), ...fieldsOf(recordOf(change)));
  return set === 1;
}

/** Sets fields of a record that is there. KEYS 1 endpoint · ARGV field, value pairs · returns 1, or 0: it is gone. */
const UPDATE = `if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV)) return 1`;

/**
 * Disables one that is active and writes `event`, which says so, into the outbox of its slot in the same step: sent again, or found
 * out by two deliveries, it is told once. Whether it was active until now.
 */
export async function disableEndpoint(
  { redis, keys }: Ledger,
  id: string,
  { reason, event }: { reason: string; event: WebhookEvent },
): Promise<boolean> {
  const names = [keys.endpoint(id), keys.outbox(slotOf(id))];
  const args = [reason, event.at, JSON.stringify(event)];
  return (await redis.eval(DISABLE, names.length, ...names, ...args)) === 1;
}

/** KEYS 1 endpoint 2 outbox · ARGV 1 reason 2 now, ms 3 event JSON · returns 1, or 0: it is gone, or was disabled. */
const DISABLE = `if redis.call('HGET', KEYS[1], 'status') ~= 'active' then return 0 end
redis.call('HSET', KEYS[1], 'status', 'disabled', 'disabled_reason', ARGV[1], 'disabled_at', ARGV[2])
redis.call('XADD', KEYS[2], '*', 'event', ARGV[3])
return 1`;

/** Forgets it and its deliveries; what waits for it is dropped when its turn comes. */
export async function deleteEndpoint(
  ledger: Ledger,
  { id, tenant }: Pick<WebhookEndpoint, 'id' | 'tenant'>,
): Promise<boolean> {
  const { redis, keys } = ledger;
  const alsoDelete = [keys.endpoint(id), keys.deliveries(id)];
  const removed = await unlist(ledger, { kind: 'endpoints', tenant }, { ids: [id], alsoDelete });
  await redis.srem(keys.tenant(tenant).endpoints, id);
  return removed === 1;
}
