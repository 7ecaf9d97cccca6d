/** Connections to Redis. What serves people fails fast; what works in the background waits and reconnects. */
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { redisAddress } from './redis-address.ts';

/** As answers come by default: the client's types differ with another mapping. */
type ConnectionOptions = Omit<RedisOptions, 'replyMapping'>;

export type ConnectionRole = 'serving' | 'large' | 'background' | 'blocking' | 'subscriber';

/** How long a command may take, where somebody waits for it. */
const TIMEOUT_MS: Partial<Record<ConnectionRole, number>> = { serving: 900, large: 20_000 };

/** Reconnect after 50 ms, 100 ms … at most 1 s: the default grows to 20 s and would sleep through a recovery. */
const retryStrategy = (times: number): number => Math.min(50 * times, 1_000);

/** A connection to what REDIS_URL names; see {@link redisAddress}. */
export function openRedis(url: string, options: ConnectionOptions): Redis {
  const address = redisAddress(url);
  return 'url' in address
    ? new Redis(address.url, options)
    : new Redis({ ...address.options, ...options });
}

/**
 * `serving`: a command fails within 0.9 s when Redis is away, a script within 1.8 s (the client may first ask whether
 * the script is loaded), so that the API answers 503 within 2 s.
 * `large`: as `serving`, with time for texts of tens of megabytes; asked only for what is known to be there.
 * `background`: commands wait for Redis to come back. `blocking` and `subscriber`: connections of their own.
 */
export function connectRedis(url: string, role: ConnectionRole): Redis {
  const commandTimeout = TIMEOUT_MS[role];
  const options: ConnectionOptions = {
    retryStrategy,
    maxRetriesPerRequest: commandTimeout === undefined ? null : 1,
    enableOfflineQueue: true,
    enableAutoPipelining: role === 'serving' || role === 'background',
    // Answers may be large: joined into one string with others' they could exceed what V8 allows, where nobody catches it.
    autoPipeliningIgnoredCommands: ['sluice_store_outcomes'],
    ...(commandTimeout === undefined ? {} : { commandTimeout }),
    connectTimeout: 5_000,
  };
  const redis = openRedis(url, options);
  redis.on('error', () => {
    // ioredis reconnects by itself; every caller sees its own command fail or wait.
  });
  return redis;
}
