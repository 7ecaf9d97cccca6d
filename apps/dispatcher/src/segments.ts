/** The segments this process appends to: one per batch, opened when first needed, the longest unused closed first. */
import type { Appender, Extent, FileStore } from '@sluice/files';

/** More are open only while more are being written. */
const MOST_OPEN = 64;

interface Open {
  opening: Promise<Appender>;
  /** Appends under way: it is not closed under them. */
  users: number;
}

export class Segments {
  readonly #store: FileStore;
  /** Unique among processes: an appender's name is nobody else's. */
  readonly #writer: string;
  /** The longest unused first. */
  readonly #open = new Map<string, Open>();
  #opened = 0;

  constructor(store: FileStore, writer: string) {
    this.#store = store;
    this.#writer = writer;
  }

  /** Writes all rows behind each other; where they stand. After a failure the batch's next append has a segment of another name. */
  async append(batch: string, rows: readonly Buffer[]): Promise<Extent> {
    const open = this.#of(batch);
    open.users += 1;
    try {
      const appender = await open.opening;
      return await appender.append(rows);
    } catch (error) {
      if (this.#open.get(batch) === open) this.#drop(batch, open);
      throw error;
    } finally {
      open.users -= 1;
      this.#closeUnused();
    }
  }

  #of(batch: string): Open {
    const known = this.#open.get(batch);
    const open = known ?? { opening: this.#openNew(batch), users: 0 };
    this.#open.delete(batch);
    this.#open.set(batch, open);
    return open;
  }

  #openNew(batch: string): Promise<Appender> {
    this.#opened += 1;
    return this.#store.appender(`batches/${batch}/segment-${this.#writer}-${this.#opened}`);
  }

  #closeUnused(): void {
    for (const [batch, open] of this.#open) {
      if (this.#open.size <= MOST_OPEN) return;
      if (open.users === 0) this.#drop(batch, open);
    }
  }

  #drop(batch: string, { opening }: Open): void {
    this.#open.delete(batch);
    opening.then((one) => one.close()).catch(() => undefined);
  }

  async close(): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(
      all.map(({ opening }) => opening.then((one) => one.close()).catch(() => undefined)),
    );
  }
}
