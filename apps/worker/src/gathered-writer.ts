/**
 * Gathers writes while one is under way, and sends them together: no delay when idle, few round trips when busy
 * (what databases call group commit). A write that fails is tried again until it succeeds: an answer that was paid for is
 * kept as long as the process lives. Each write has a number, which it keeps when it is tried again: it may have been done
 * although it failed.
 */
import { randomUUID } from 'node:crypto';

export interface GatheredWriterOptions<Item> {
  /** Most items in one write. */
  most: number;
  /** Most of what `sizeOf` says in one write, unless a single item is larger. */
  mostSize?: number;
  sizeOf?: (item: Item) => number;
  write: (items: Item[], turn: Turn) => Promise<void>;
  onRetry: (error: unknown, items: number) => void;
}

/** Names a write of this writer; the numbers grow, from 1. */
export interface Turn {
  writer: string;
  id: number;
}

const RETRY_MS = 250;

export class GatheredWriter<Item> {
  readonly #options: GatheredWriterOptions<Item>;
  #waiting: { item: Item; done: () => void }[] = [];
  #writing = false;
  readonly #name = randomUUID();
  #turns = 0;

  constructor(options: GatheredWriterOptions<Item>) {
    this.#options = options;
  }

  /** Resolves when the item is written. */
  add(item: Item): Promise<void> {
    return new Promise((done) => {
      this.#waiting.push({ item, done });
      if (this.#writing) return;
      this.#writing = true;
      queueMicrotask(() => void this.#drain());
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#fitting());
      await this.#persist(batch.map((entry) => entry.item));
      for (const entry of batch) entry.done();
    }
    this.#writing = false;
  }

  /** How many of the first that wait go into one write: one at least. */
  #fitting(): number {
    const { most, mostSize = Infinity, sizeOf = () => 0 } = this.#options;
    let size = 0;
    const over = this.#waiting.findIndex(
      ({ item }, i) => i >= most || ((size += sizeOf(item)) > mostSize && i > 0),
    );
    return over < 0 ? this.#waiting.length : over;
  }

  async #persist(items: Item[]): Promise<void> {
    const turn: Turn = { writer: this.#name, id: (this.#turns += 1) };
    for (;;) {
      try {
        await this.#options.write(items, turn);
        return;
      } catch (error) {
        this.#options.onRetry(error, items.length);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}
