/**
 * Requests and answers may be tens of megabytes. They travel on a connection of their own, one at a time and with time
 * to arrive, so that no small command waits behind them and memory holds one of them more, not all.
 */
import type { Redis } from 'ioredis';

/** Larger texts are no longer read or written beside everything else. */
export const LARGE_BYTES = 256 * 1024;

export class LargeTexts {
  readonly #redis: Redis;
  #last: Promise<unknown> = Promise.resolve();

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** When it is its turn. Rejects as the connection does. */
  run<T>(task: (redis: Redis) => Promise<T>): Promise<T> {
    const mine = this.#last.then(() => task(this.#redis));
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}
