/** Hears from other processes: whose calls to abort (a cancelled job), and which deployments take no calls now. */
import { setMaxListeners } from 'node:events';
import type { Redis } from 'ioredis';
import type { Keys } from '@sluice/ledger';

export class CallAborts {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #controllers = new Map<string, Set<AbortController>>();

  /** Takes a connection of its own (role `subscriber`) and owns it. */
  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async start(onState: (deployment: string, state: string) => void): Promise<void> {
    const { aborts, states } = this.#keys;
    this.#redis.on('message', (channel: string, message: string) => {
      if (channel === aborts) this.abort(message);
      else {
        const [deployment = '', state = ''] = message.split(' ');
        onState(deployment, state);
      }
    });
    await this.#redis.subscribe(aborts, states);
  }

  abort(id: string): void {
    for (const controller of this.#controllers.get(id) ?? []) controller.abort();
  }

  /** The signal that aborts the calls of one delivery of an entry, of which there may be several; `done` forgets it. */
  signalFor(id: string): { signal: AbortSignal; done: () => void } {
    const controller = new AbortController();
    // All calls of a chunk listen to the one signal.
    setMaxListeners(0, controller.signal);
    const own = this.#controllers.get(id) ?? new Set();
    this.#controllers.set(id, own.add(controller));
    const done = (): void => {
      own.delete(controller);
      if (own.size === 0) this.#controllers.delete(id);
    };
    return { signal: controller.signal, done };
  }

  close(): void {
    this.#redis.disconnect();
  }
}
