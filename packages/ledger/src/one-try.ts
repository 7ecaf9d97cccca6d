/** A connection for one question: it tries once and waits for nobody. To be connected, and disconnected, by who asks. */
import type { Redis } from 'ioredis';
import { openRedis } from './connect.ts';
import type { ConnectionOptions } from './redis-address.ts';

const CONNECT_MS = 5_000;

export const openForOneTry = (url: string, more: ConnectionOptions = {}): Redis =>
  openRedis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
    maxRetriesPerRequest: 0,
    ...more,
  });
