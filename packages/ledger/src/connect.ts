/** Connections to Redis. What serves people fails fast; what works in the background waits and reconnects. */
import { Redis } from 'ioredis';

export type ConnectionRole = 'serving' | 'background' | 'blocking' | 'subscriber';

const SERVING_TIMEOUT_MS = 900;

/** Reconnect after 50 ms, 100 ms … at most 1 s: the default grows to 20 s and would sleep through a recovery. */
const retryStrategy = (times: number): number => Math.min(50 * times, 1_000);

/**
 * `serving`: a command fails within 0.9 s when Redis is away, a script within 1.8 s (the client may first ask whether
 * the script is loaded), so that the API answers 503 within 2 s.
 * `background`: commands wait for Redis to come back. `blocking` and `subscriber`: connections of their own.
 */
export function connectRedis(url: string, role: ConnectionRole): Redis {
  const serving = role === 'serving';
  const redis = new Redis(url, {
    retryStrategy,
    maxRetriesPerRequest: serving ? 1 : null,
    enableOfflineQueue: true,
    enableAutoPipelining: role === 'serving' || role === 'background',
    ...(serving ? { commandTimeout: SERVING_TIMEOUT_MS } : {}),
    connectTimeout: 5_000,
  });
  redis.on('error', () => {
    // ioredis reconnects by itself; every caller sees its own command fail or wait.
  });
  return redis;
}
