/**
 * Which run of the Redis server that has a key a connection talks to: asked once per connection (on a Cluster once per key,
 * and again whenever anything changed among its nodes), forgotten when it closes. A run id that changes is a restart,
 * after which bookings may be lost and buckets count as empty.
 */
import type { Redis } from 'ioredis';

/** A Cluster has no `close` of a single node: `-node` is one, `refresh` a look at who has which slot. */
const FORGET_ON = ['close', '-node', 'refresh'];

/** By way of a key, so that a Cluster asks the node that has it. KEYS 1 any · returns that part of INFO. */
const ASK = "return redis.call('INFO', 'server')";

export class RunId {
  readonly #redis: Redis;
  /** By key; on a single Redis all are as one. */
  readonly #seen = new Map<string, Set<string>>();
  readonly #current = new Map<string, Promise<string>>();
  readonly #forget = (): void => this.#current.clear();

  constructor(redis: Redis) {
    this.#redis = redis;
    for (const event of FORGET_ON) redis.on(event, this.#forget);
  }

  /** Rejects when Redis cannot be asked; the next call asks again. */
  current(key: string): Promise<string> {
    const server = this.#serverOf(key);
    const known = this.#current.get(server) ?? this.#ask(server, key);
    this.#current.set(server, known);
    return known;
  }

  /** Whether this process has lived through a restart of the server. */
  changed(key: string): boolean {
    return (this.#seen.get(this.#serverOf(key))?.size ?? 0) > 1;
  }

  close(): void {
    for (const event of FORGET_ON) this.#redis.off(event, this.#forget);
  }

  #serverOf(key: string): string {
    return this.#redis.isCluster ? key : '';
  }

  async #ask(server: string, key: string): Promise<string> {
    try {
      const info = String(await this.#redis.eval(ASK, 1, key));
      const run = /run_id:(\w+)/.exec(info)?.[1] ?? '';
      this.#seen.set(server, (this.#seen.get(server) ?? new Set()).add(run));
      return run;
    } catch (error) {
      this.#current.delete(server);
      throw error;
    }
  }
}
