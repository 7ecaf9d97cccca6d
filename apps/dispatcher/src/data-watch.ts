/**
 * Sees that Redis has lost what it held: emptied, restored from an older copy, or restarted without its append-only file. Nothing
 * that was accepted before is there any more, so nobody would miss it; a mark that is gone, or another, is how it shows. Also
 * sees that it is full, which is why nothing moves then.
 */
import { randomUUID } from 'node:crypto';
import type { Ledger } from '@sluice/ledger';

const LOOK_EVERY_MS = 5_000;

export interface DataWatchOptions {
  ledger: Ledger;
  onLost: () => void;
  /** It takes nothing more, or it does again. */
  onFull: (full: boolean) => void;
  lookEveryMs?: number;
}

export class DataWatch {
  readonly #options: DataWatchOptions;
  #mark: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking = false;
  #full = false;

  constructor(options: DataWatchOptions) {
    this.#options = options;
  }

  start(): void {
    const { lookEveryMs = LOOK_EVERY_MS } = this.#options;
    void this.#look();
    this.#timer = setInterval(() => void this.#look(), lookEveryMs);
  }

  /** Not while another look waits for a Redis that is away. */
  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { redis, keys } = this.#options.ledger;
    try {
      await redis.set(keys.dataMark, randomUUID(), 'NX');
      const mark = await redis.get(keys.dataMark);
      this.#see(false);
      if (this.#mark !== null && mark !== this.#mark) this.#options.onLost();
      this.#mark = mark;
    } catch (error) {
      // Redis is away: others say so. It is seen when it is back.
      if (/^OOM\b/.test((error as Error).message)) this.#see(true);
    } finally {
      this.#looking = false;
    }
  }

  #see(full: boolean): void {
    if (full !== this.#full) this.#options.onFull(full);
    this.#full = full;
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}
