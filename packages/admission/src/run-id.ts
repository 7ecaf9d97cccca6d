/**
 * Which run of the Redis server a connection talks to: asked once per connection, forgotten when it closes.
 * A run id that changes is a restart, after which bookings may be lost and buckets count as empty.
 */
import type { Redis } from 'ioredis';

export class RunId {
  readonly #redis: Redis;
  readonly #seen = new Set<string>();
  #current: Promise<string> | null = null;
  readonly #forget = (): void => {
    this.#current = null;
  };

  constructor(redis: Redis) {
    this.#redis = redis;
    redis.on('close', this.#forget);
  }

  /** Rejects when Redis cannot be asked; the next call asks again. */
  current(): Promise<string> {
    this.#current ??= this.#ask();
    return this.#current;
  }

  /** Whether this process has lived through a restart of the server. */
  get changed(): boolean {
    return this.#seen.size > 1;
  }

  close(): void {
    this.#redis.off('close', this.#forget);
  }

  async #ask(): Promise<string> {
    try {
      const info = await this.#redis.info('server');
      const run = /run_id:(\w+)/.exec(info)?.[1] ?? '';
      this.#seen.add(run);
      return run;
    } catch (error) {
      this.#current = null;
      throw error;
    }
  }
}
