/** Lines of batches as they are read for those who ask and wait: a batch is read once for all who ask for lines of it at a moment. */
import { linesSeen, readBatch } from '@sluice/ledger';
import type { Ledger, StoredBatch } from '@sluice/ledger';
import { SharedReads } from './shared-reads.ts';

export interface SeenLine {
  batch: StoredBatch;
  recorded: boolean;
}

interface SeenBatch {
  batch: StoredBatch;
  recorded: ReadonlySet<number>;
}

export class LineReads {
  readonly #ledger: Ledger;
  readonly #batches: SharedReads<SeenBatch | null>;
  /** By batch: the lines that its next read is to look at. */
  readonly #asked = new Map<string, Set<number>>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.#batches = new SharedReads((id) => this.#read(id));
  }

  /** As it stands at some moment after asking; null: there is no such batch. The same object may be given to others. */
  async get(batchId: string, line: number): Promise<SeenLine | null> {
    const asked = this.#asked.get(batchId) ?? new Set();
    this.#asked.set(batchId, asked.add(line));
    try {
      const seen = await this.#batches.get(batchId);
      return seen && { batch: seen.batch, recorded: seen.recorded.has(line) };
    } finally {
      // Where it failed before it began.
      if (this.#asked.get(batchId) === asked) this.#asked.delete(batchId);
    }
  }

  /** Whoever asks from here on asks for the next read. */
  async #read(id: string): Promise<SeenBatch | null> {
    const lines = [...(this.#asked.get(id) ?? [])];
    this.#asked.delete(id);
    const batch = await readBatch(this.#ledger, id);
    return batch && { batch, recorded: await linesSeen(this.#ledger, id, lines) };
  }
}
