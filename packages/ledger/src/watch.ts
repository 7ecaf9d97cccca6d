/** Hears of changes of jobs and batches: one subscription per process, any number of listeners per id. */
import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';

/** Called with the new status, or `null` when the connection was lost and news may have been missed: read again. */
export type Listener = (status: string | null) => void;

export class Watch {
  readonly #emitter = new EventEmitter().setMaxListeners(0);
  readonly #redis: Redis;
  readonly #keys: Keys;

  /** Takes a connection of its own (role `subscriber`) and owns it. */
  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    redis.on('message', (_channel: string, message: string) => {
      const [id = '', status = ''] = message.split(' ');
      this.#emitter.emit(id, status);
    });
    redis.on('ready', () => this.#tellAll());
  }

  async start(): Promise<void> {
    await this.#redis.subscribe(this.#keys.changes);
  }

  /** Returns the function that ends it. Subscribe first, read the record after: nothing is missed between. */
  on(id: string, listener: Listener): () => void {
    this.#emitter.on(id, listener);
    return () => this.#emitter.off(id, listener);
  }

  #tellAll(): void {
    for (const id of this.#emitter.eventNames()) this.#emitter.emit(id, null);
  }

  close(): void {
    this.#redis.disconnect();
  }
}
