/** Deliveries to webhook endpoints, as they are remembered: in the endpoint's slot, for a while, the last thousand. */
import { createHash } from 'node:crypto';
import { makeSiblingId, slotOf } from '@sluice/job';
import type { WebhookEvent } from '@sluice/job';
import type { Ledger } from './ledger.ts';
import { hashOf, nullableNumber, numberOf } from './reply.ts';

export type DeliveryStatus = 'pending' | 'delivered' | 'failed' | 'dropped';

/** One attempt; times in Unix ms. */
export interface DeliveryAttempt {
  at: number;
  tookMs: number;
  /** Of the receiver's answer; null = it gave none. */
  statusCode: number | null;
  /** Null = delivered. */
  error: string | null;
}

export interface StoredDelivery {
  /** `whd_…` */
  id: string;
  endpoint: string;
  event: WebhookEvent;
  status: DeliveryStatus;
  createdAt: number;
  /** When the next attempt is due, ms; null = none is. */
  nextAt: number | null;
  /** How often it was asked for again. */
  redeliveries: number;
  /** The last twenty, oldest first. */
  attempts: DeliveryAttempt[];
}

/** Of an endpoint. */
const MOST_DELIVERIES = 1_000;
const MOST_ATTEMPTS = 20;

/** The same for the same event and endpoint, however often it is relayed. */
export const deliveryId = (endpointId: string, eventId: string): string =>
  makeSiblingId(
    'whd',
    endpointId,
    createHash('sha256').update(`${endpointId} ${eventId}`).digest(),
  );

export interface NewDelivery {
  endpoint: string;
  event: WebhookEvent;
  now: number;
  keepMs: number;
}

/** Notes that an event is on its way to an endpoint; a second time changes nothing. Answers the delivery's id. */
export async function openDelivery(
  { redis, keys }: Ledger,
  { endpoint, event, now, keepMs }: NewDelivery,
): Promise<string> {
  const id = deliveryId(endpoint, event.id);
  const key = keys.delivery(id);
  const list = keys.deliveries(endpoint);
  await redis
    .multi()
    .hsetnx(key, 'event', JSON.stringify(event))
    .hsetnx(key, 'endpoint', endpoint)
    .hsetnx(key, 'created', String(now))
    .hsetnx(key, 'status', 'pending')
    .hsetnx(key, 'next', String(now))
    .pexpire(key, keepMs)
    .zadd(list, 'NX', now, id)
    .zremrangebyscore(list, '-inf', now - keepMs)
    .zremrangebyrank(list, 0, -MOST_DELIVERIES - 1)
    .pexpire(list, keepMs)
    .exec();
  return id;
}

/** Notes how an attempt ended and what follows. */
export async function noteAttempt(
  { redis, keys }: Ledger,
  id: string,
  about: {
    attempt: DeliveryAttempt | null;
    status: DeliveryStatus;
    nextAt: number | null;
    keepMs: number;
  },
): Promise<void> {
  const { attempt, status, nextAt, keepMs } = about;
  const key = keys.delivery(id);
  const list = keys.deliveryAttempts(id);
  const steps = redis
    .multi()
    .hset(key, { status, next: nextAt ?? '' })
    .pexpire(key, keepMs);
  if (attempt !== null)
    steps
      .rpush(list, JSON.stringify(attempt))
      .ltrim(list, -MOST_ATTEMPTS, -1)
      .pexpire(list, keepMs);
  await steps.exec();
}

/** Null when it is not remembered (any more). */
export async function readDelivery(
  { redis, keys }: Ledger,
  id: string,
): Promise<StoredDelivery | null> {
  const [fields, attempts] = await Promise.all([
    redis.hgetall(keys.delivery(id)),
    redis.lrange(keys.deliveryAttempts(id), 0, -1),
  ]);
  const hash = hashOf(fields);
  if (!hash?.['event']) return null;
  return {
    id,
    endpoint: hash['endpoint'] ?? '',
    event: JSON.parse(hash['event']) as WebhookEvent,
    status: (hash['status'] ?? 'pending') as DeliveryStatus,
    createdAt: numberOf(hash['created']),
    nextAt: nullableNumber(hash['next']),
    redeliveries: numberOf(hash['redeliveries']),
    attempts: attempts.map((text) => JSON.parse(text) as DeliveryAttempt),
  };
}

/**
 * Ids of an endpoint's deliveries, newest first, after `after`. Null: no delivery of that id is listed. Of the same
 * millisecond the greater id comes first, as Redis orders them.
 */
export async function listDeliveries(
  { redis, keys }: Ledger,
  endpoint: string,
  { after, limit }: { after: string | null; limit: number },
): Promise<string[] | null> {
  const list = keys.deliveries(endpoint);
  const rank = after === null ? -1 : await redis.zrevrank(list, after);
  if (rank === null) return null;
  return redis.zrevrange(list, rank + 1, rank + limit);
}

/**
 * Begins a delivery anew: counts it, marks it pending and writes it into the outbox of its slot, in one step, so that whoever dies
 * after it leaves it to the relay. `name`: of this asking, new for each; sent again by that it is begun once.
 * Answers the how manieth time that is; null: it is pending already, or not remembered any more.
 */
export async function beginRedelivery(
  { redis, keys }: Ledger,
  { id, endpoint }: Pick<StoredDelivery, 'id' | 'endpoint'>,
  { name, now }: { name: string; now: number },
): Promise<number | null> {
  const names = [keys.delivery(id), keys.outbox(slotOf(id))];
  const begun = await redis.eval(BEGIN_AGAIN, names.length, ...names, id, endpoint, name, now);
  return begun === 0 ? null : Number(begun);
}

/** KEYS 1 delivery 2 outbox · ARGV 1 its id 2 its endpoint 3 name of this asking 4 now, ms · returns how many times, or 0: it is not begun. */
const BEGIN_AGAIN = `local event, status, asked, times = unpack(redis.call('HMGET', KEYS[1], 'event', 'status', 'asked', 'redeliveries'))
if not event then return 0 end
if asked == ARGV[3] then return tonumber(times) end
if status == 'pending' then return 0 end
times = redis.call('HINCRBY', KEYS[1], 'redeliveries', 1)
redis.call('HSET', KEYS[1], 'status', 'pending', 'next', ARGV[4], 'asked', ARGV[3])
redis.call('XADD', KEYS[2], '*', 'event', event, 'again', ARGV[2] .. ' ' .. ARGV[1] .. ' ' .. times)
return times`;
