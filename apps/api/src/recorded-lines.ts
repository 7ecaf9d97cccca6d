/**
 * Recorded lines of batches for those who ask for single ones: what a batch recorded is gone through once for all who ask for lines of
 * it at a moment, as when it ends and all who wait for its lines are told at once.
 */
import { readRecorded } from '@sluice/files';
import type { FileStore, RecordedLine } from '@sluice/files';
import { readExtents } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';
import { SharedReads } from './shared-reads.ts';

/** Each holds up to 2 MB that it reads ahead. */
const MOST_AT_ONCE = 16;

export class RecordedLines {
  readonly #ledger: Ledger;
  readonly #store: FileStore;
  readonly #batches: SharedReads<ReadonlyMap<number, RecordedLine>>;
  /** By batch: the lines that its next read is to look for. */
  readonly #asked = new Map<string, Set<number>>();

  constructor(ledger: Ledger, store: FileStore) {
    this.#ledger = ledger;
    this.#store = store;
    this.#batches = new SharedReads((id) => this.#read(id), MOST_AT_ONCE);
  }

  /** As it was recorded first; null where it was not by then. Rejects where the store is away. */
  async get(batchId: string, line: number): Promise<RecordedLine | null> {
    const asked = this.#asked.get(batchId) ?? new Set();
    this.#asked.set(batchId, asked.add(line));
    try {
      return (await this.#batches.get(batchId)).get(line) ?? null;
    } finally {
      // Where it failed before it began.
      if (this.#asked.get(batchId) === asked) this.#asked.delete(batchId);
    }
  }

  /** Whoever asks from here on asks for the next read. */
  async #read(id: string): Promise<ReadonlyMap<number, RecordedLine>> {
    const wanted = new Set(this.#asked.get(id));
    this.#asked.delete(id);
    const found = new Map<number, RecordedLine>();
    for await (const rows of readRecorded(this.#store, await readExtents(this.#ledger, id))) {
      for (const row of rows) if (wanted.delete(row.line)) found.set(row.line, copyOf(row));
      if (wanted.size === 0) break;
    }
    return found;
  }
}

/** Without its neighbours, whose memory it shares. */
const copyOf = (row: RecordedLine): RecordedLine => ({
  ...row,
  output: Buffer.from(row.output),
  extras: Buffer.from(row.extras),
});
