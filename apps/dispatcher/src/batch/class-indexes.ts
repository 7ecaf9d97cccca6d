/** The indexes of a batch, one per class of its lines (pool × wire formats that can say them), while it is validated. */
import { type FileStore, type IndexWriter, createIndex, indexName } from '@sluice/files';
import type { Request } from './check-line.ts';
import type { Place } from './custom-ids.ts';

/** Lines of a batch that the same deployments can run. */
export interface BatchClass {
  /** Names its index within the batch: see `indexName`. */
  index: string;
  pool: string;
  /** Bit per wire format that can say these requests. */
  formats: number;
  jobs: number;
  /** Sums over the class, for estimates. */
  characters: number;
  maxOutput: number;
  /** How many lines set no maximum of output tokens and are not in `maxOutput`. */
  unsetOutput: number;
}

export class ClassIndexes {
  readonly #store: FileStore;
  readonly #batchId: string;
  readonly #open = new Map<string, { summary: BatchClass; writer: IndexWriter }>();

  constructor(store: FileStore, batchId: string) {
    this.#store = store;
    this.#batchId = batchId;
  }

  async add({ pool, formats, shape }: Request, { line, offset, length }: Place): Promise<void> {
    const { characters, maxOutput } = shape;
    const { summary, writer } =
      this.#open.get(`${formats} ${pool}`) ?? (await this.#begin(pool, formats));
    summary.jobs += 1;
    summary.characters += characters;
    if (maxOutput === null) summary.unsetOutput += 1;
    else summary.maxOutput += maxOutput;
    await writer.add({ line, offset, length, characters, maxOutput, formats });
  }

  async commit(): Promise<BatchClass[]> {
    const all = [...this.#open.values()];
    for (const { writer } of all) await writer.commit();
    return all.map(({ summary }) => summary);
  }

  /** Leaves nothing behind of what is not committed. */
  async abort(): Promise<void> {
    for (const { writer } of this.#open.values()) await writer.abort();
  }

  async #begin(
    pool: string,
    formats: number,
  ): Promise<{ summary: BatchClass; writer: IndexWriter }> {
    const index = `index-${this.#open.size}`;
    const writer = await createIndex(this.#store, indexName(this.#batchId, index));
    const sums = { jobs: 0, characters: 0, maxOutput: 0, unsetOutput: 0 };
    const opened = { summary: { index, pool, formats, ...sums }, writer };
    this.#open.set(`${formats} ${pool}`, opened);
    return opened;
  }
}
