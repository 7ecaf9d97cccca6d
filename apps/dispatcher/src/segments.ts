/** The segments this process appends to: one per batch, opened when first needed, the longest unused closed first. */
import type { Appender, FileStore } from '@sluice/files';

const MOST_OPEN = 64;

export class Segments {
  readonly #store: FileStore;
  /** Unique among processes: an appender's name is nobody else's. */
  readonly #writer: string;
  readonly #open = new Map<string, Promise<Appender>>();
  #opened = 0;

  constructor(store: FileStore, writer: string) {
    this.#store = store;
    this.#writer = writer;
  }

  /** The appender of a batch. After a failed append call {@link drop}: a new one gets a new name. */
  async of(batch: string): Promise<Appender> {
    const known = this.#open.get(batch);
    if (known) {
      this.#open.delete(batch);
      this.#open.set(batch, known);
      return known;
    }
    this.#opened++;
    const opening = this.#store.appender(
      `batches/${batch}/segment-${this.#writer}-${this.#opened}`,
    );
    this.#open.set(batch, opening);
    opening.catch(() => this.#open.delete(batch));
    if (this.#open.size > MOST_OPEN) this.drop(this.#open.keys().next().value as string);
    return opening;
  }

  drop(batch: string): void {
    const appender = this.#open.get(batch);
    this.#open.delete(batch);
    appender?.then((one) => one.close()).catch(() => undefined);
  }

  async close(): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(
      all.map((opening) => opening.then((one) => one.close()).catch(() => undefined)),
    );
  }
}
