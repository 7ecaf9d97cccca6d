/**
 * Sees that Redis has lost what it held: emptied, restored from an older copy, or restarted without its append-only file. Nothing
 * that was accepted before is there any more, so nobody would miss it; a mark that is gone, or another, is how it shows.
 */
import { randomUUID } from 'node:crypto';
import type { Ledger } from '@sluice/ledger';

const LOOK_EVERY_MS = 5_000;

export interface DataWatchOptions {
  ledger: Ledger;
  onLost: () => void;
  lookEveryMs?: number;
}

export class DataWatch {
  readonly #options: DataWatchOptions;
  #mark: string | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DataWatchOptions) {
    this.#options = options;
  }

  start(): void {
    const { lookEveryMs = LOOK_EVERY_MS } = this.#options;
    const next = (): void => {
      this.#timer = setTimeout(() => void this.#look().finally(next), lookEveryMs);
    };
    void this.#look().finally(next);
  }

  async #look(): Promise<void> {
    const { redis, keys } = this.#options.ledger;
    try {
      await redis.set(keys.dataMark, randomUUID(), 'NX');
      const mark = await redis.get(keys.dataMark);
      if (this.#mark !== null && mark !== this.#mark) this.#options.onLost();
      this.#mark = mark;
    } catch {
      // Redis is away: others say so. It is seen when it is back.
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
