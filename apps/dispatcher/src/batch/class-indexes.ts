/**
 * The indexes of a batch, one per class of its lines (pool × wire formats that can say them × size of input × size of
 * output), while it is validated. At most 60 of them, each with a file handle and a block of 12 KB; only pools and sets of
 * wire formats beyond that make more.
 */
import { USUAL_CHARS_PER_TOKEN } from '@sluice/job';
import { type FileStore, type IndexWriter, createIndex, indexName } from '@sluice/files';
import type { BatchClass } from '@sluice/ledger';
import { classAmong } from '@sluice/planning';
import type { ShapeClass } from '@sluice/planning';
import type { Request } from './check-line.ts';
import type { Place } from './custom-ids.ts';
import { KeyGroups } from './key-groups.ts';

/** Lines without a maximum are a class by themselves where others set one: between "short" and "long" answers. */
const UNSET_OUTPUT = 1_024;

interface Open {
  summary: BatchClass;
  writer: IndexWriter | null;
  /** Of a class whose lines travel by their keys. */
  groups: KeyGroups | null;
}

export class ClassIndexes {
  readonly #store: FileStore | null;
  readonly #batchId: string;
  readonly #open = new Map<string, Open>();
  readonly #classes = new Map<string, ShapeClass>();

  /** `store` null: nothing is written, only counted. */
  constructor(store: FileStore | null, batchId: string) {
    this.#store = store;
    this.#batchId = batchId;
  }

  async add(
    { pool, formats, shape, key }: Request,
    { line, offset, length }: Place,
  ): Promise<void> {
    const { characters, maxOutput } = shape;
    const found = classAmong(this.#classes, {
      pool,
      formats,
      input: characters / USUAL_CHARS_PER_TOKEN,
      output: maxOutput ?? UNSET_OUTPUT,
    });
    const keyed = key !== undefined;
    const open = this.#open.get(found.key) ?? (await this.#begin(found, keyed));
    const { summary, writer, groups } = open;
    summary.jobs += 1;
    summary.characters += characters;
    if (maxOutput === null) summary.unsetOutput += 1;
    else summary.maxOutput += maxOutput;
    if (writer === null) return;
    const record = { line, offset, length, characters, maxOutput, formats };
    if (groups === null) await writer.add(record);
    else if (groups.add({ ...record, key: key ?? null })) await writeGroups(open);
  }

  /** Of its lines so far. */
  get pools(): string[] {
    return [...new Set([...this.#classes.values()].map(({ pool }) => pool))];
  }

  async commit(): Promise<BatchClass[]> {
    const all = [...this.#open.values()];
    for (const each of all) {
      await writeGroups(each);
      await each.writer?.commit();
    }
    return all.map(({ summary }) => summary);
  }

  /** Leaves nothing behind of what is not committed. */
  async abort(): Promise<void> {
    for (const { writer } of this.#open.values()) await writer?.abort();
  }

  async #begin(found: ShapeClass, keyed: boolean): Promise<Open> {
    const { key, pool, formats, inputBucket, outputBucket } = found;
    const index = `index-${this.#open.size}`;
    const store = this.#store;
    const writer = store && (await createIndex(store, indexName(this.#batchId, index), { keyed }));
    const shape = `${inputBucket}.${outputBucket}`;
    const sums = { jobs: 0, characters: 0, maxOutput: 0, unsetOutput: 0 };
    const summary = { index, pool, formats, shape, ...sums, ...(keyed && { keyed }) };
    const opened = { summary, writer, groups: keyed ? new KeyGroups() : null };
    this.#open.set(key, opened);
    this.#classes.set(key, found);
    return opened;
  }
}

async function writeGroups({ writer, groups }: Open): Promise<void> {
  for (const record of groups?.take() ?? []) await writer?.add(record);
}
