/** Hears from other processes: whose calls to abort (a cancelled job), and which deployments take no calls now. */
import { setMaxListeners } from 'node:events';
import type { Redis } from 'ioredis';
import type { Keys } from '@sluice/ledger';

export class CallAborts {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #controllers = new Map<string, AbortController>();

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
    this.#controllers.get(id)?.abort();
  }

  /** The signal that aborts the calls of an entry; `done` forgets it. */
  signalFor(id: string): { signal: AbortSignal; done: () => void } {
    const controller = new AbortController();
    // All calls of a chunk listen to the one signal.
    setMaxListeners(0, controller.signal);
    this.#controllers.set(id, controller);
    return { signal: controller.signal, done: () => void this.#controllers.delete(id) };
  }

  close(): void {
    this.#redis.disconnect();
  }
}
