/**
 * Requests and answers may be tens of megabytes. They travel on a connection of their own, one at a time and with time
 * to arrive, so that no small command waits behind them and memory holds one of them more, not all.
 */
import type { Redis, RedisOptions } from 'ioredis';
import { connected } from './connected.ts';

/** Larger texts are no longer read or written beside everything else. */
export const LARGE_BYTES = 256 * 1024;

/** For so long a connection that is gone is waited for, counted from asking. */
const CONNECTED_MS = 900;
const TIMED_OUT = 'Command timed out';

export class LargeTexts {
  readonly #redis: Redis;
  /** From asking to the answer: as long as one command on this connection may take. */
  readonly #mostMs: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(redis: Redis) {
    this.#redis = redis;
    this.#mostMs = timeoutOf(redis);
  }

  /** When it is its turn. Rejects as the connection does, and when both together take longer than one of them may. */
  run<T>(task: (redis: Redis) => Promise<T>): Promise<T> {
    const asked = performance.now();
    const mine = this.#last.then(() => this.#start(task, asked));
    this.#last = mine.catch(() => undefined);
    return this.#mostMs === Infinity ? mine : within(mine, this.#mostMs);
  }

  /** What waited for others does not wait for the connection again: where Redis is gone all fail together. */
  async #start<T>(task: (redis: Redis) => Promise<T>, asked: number): Promise<T> {
    if (this.#mostMs === Infinity) return task(this.#redis);
    const waited = performance.now() - asked;
    if (waited >= this.#mostMs) throw new Error(TIMED_OUT);
    if (!(await connected(this.#redis, CONNECTED_MS - waited)))
      throw new Error('Connection is closed.');
    return task(this.#redis);
  }
}

/** Infinity: its commands wait for Redis to come back. */
function timeoutOf(redis: Redis): number {
  const options = redis.options as { commandTimeout?: number; redisOptions?: RedisOptions };
  return options.commandTimeout ?? options.redisOptions?.commandTimeout ?? Infinity;
}

async function within<T>(asked: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(TIMED_OUT)), ms);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
