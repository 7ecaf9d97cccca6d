/**
 * A batch's index: per class one file of fixed-width records, so that the feeder reads any run of a class's lines
 * with one small read, in the order of the input (by windows where lines travel by their keys). Little-endian:
 * line u32 · offset u48 · length u32 · characters u32 · max output u32 (all ones: none set) · formats u16.
 * Where lines travel by their keys a second file holds these, u32 each (0: none), in the order of the records. An index
 * without it is as good: it was written before there was one, or its lines have no keys.
 */
import { FileMissing } from './store.ts';
import type { FileStore, Written } from './store.ts';

export interface IndexRecord {
  /** From 1, blank lines included. */
  line: number;
  /** Where the line lies in the input file, in bytes. */
  offset: number;
  length: number;
  /** Shape of the request (see `measure`); more than 32 bits hold is recorded as their maximum. */
  characters: number;
  maxOutput: number | null;
  /** Bit per wire format that can say it. */
  formats: number;
  /** What keeps it together with others, as 32 bits; null or absent = nothing. */
  key?: number | null;
}

export interface IndexWriter {
  /** Records must be awaited one after another; most return at once. */
  add(record: IndexRecord): Promise<void>;
  commit(): Promise<Written>;
  abort(): Promise<void>;
}

export const INDEX_RECORD_BYTES = 24;
/** Lines of one key are brought together within so many records of a class; these windows stand in the order of the input. */
export const WINDOW_RECORDS = 4_096;
const KEY_BYTES = 4;
const NO_KEY = 0;
/** 12 KB: a batch has up to 60 indexes open at once. */
const RECORDS_PER_WRITE = 512;
const NO_MAXIMUM = 0xffff_ffff;

/** Name of a class's index within the store. */
export const indexName = (batchId: string, index: string): string => `batches/${batchId}/${index}`;

const keysName = (name: string): string => `${name}-keys`;

/** Starts an index, `keyed` with its records' keys beside it; nothing is visible before `commit`. */
export async function createIndex(
  store: FileStore,
  name: string,
  { keyed = false }: { keyed?: boolean } = {},
): Promise<IndexWriter> {
  const records = await inBlocks(store, name, INDEX_RECORD_BYTES);
  const keys = keyed ? await inBlocks(store, keysName(name), KEY_BYTES) : null;
  return {
    async add(record) {
      await records.add((block, at) => encodeRecord(record, block, at));
      await keys?.add((block, at) => block.writeUInt32LE(record.key ?? NO_KEY, at));
    },
    async commit() {
      await keys?.commit();
      return records.commit();
    },
    async abort() {
      await keys?.abort();
      await records.abort();
    },
  };
}

/** A file of entries of one width. */
async function inBlocks(store: FileStore, name: string, width: number) {
  const writing = await store.create(name);
  let block = Buffer.allocUnsafe(RECORDS_PER_WRITE * width);
  let used = 0;

  const flush = async (): Promise<void> => {
    const full = block.subarray(0, used);
    used = 0;
    block = Buffer.allocUnsafe(RECORDS_PER_WRITE * width);
    await writing.write(full);
  };
  return {
    async add(encode: (block: Buffer, at: number) => void): Promise<void> {
      encode(block, used);
      used += width;
      if (used === block.length) await flush();
    },
    async commit(): Promise<Written> {
      await flush();
      return writing.commit();
    },
    abort: () => writing.abort(),
  };
}

/** Records `from` (counted from 0) up to `from + count`; fewer where the index ends. Rejects with FileMissing. */
export async function readIndex(
  store: FileStore,
  name: string,
  { from, count }: { from: number; count: number },
): Promise<IndexRecord[]> {
  const bytes = await store.readAt(name, from * INDEX_RECORD_BYTES, count * INDEX_RECORD_BYTES);
  const records: IndexRecord[] = [];
  for (let at = 0; at + INDEX_RECORD_BYTES <= bytes.length; at += INDEX_RECORD_BYTES) {
    records.push(decodeRecord(bytes, at));
  }
  return records;
}

/** The same with their keys. */
export async function readKeyedIndex(
  store: FileStore,
  name: string,
  run: { from: number; count: number },
): Promise<IndexRecord[]> {
  const [records, keys] = await Promise.all([
    readIndex(store, name, run),
    readKeys(store, keysName(name), run),
  ]);
  return records.map((record, i) => ({ ...record, key: keyAt(keys, i) }));
}

/** Empty where they are missing: lines go without. */
async function readKeys(
  store: FileStore,
  name: string,
  { from, count }: { from: number; count: number },
): Promise<Buffer> {
  try {
    return await store.readAt(name, from * KEY_BYTES, count * KEY_BYTES);
  } catch (error) {
    if (error instanceof FileMissing) return Buffer.alloc(0);
    throw error;
  }
}

function keyAt(keys: Buffer, i: number): number | null {
  const at = i * KEY_BYTES;
  const key = at + KEY_BYTES <= keys.length ? keys.readUInt32LE(at) : NO_KEY;
  return key === NO_KEY ? null : key;
}

function encodeRecord(record: IndexRecord, into: Buffer, at: number): void {
  into.writeUInt32LE(record.line, at);
  into.writeUIntLE(record.offset, at + 4, 6);
  into.writeUInt32LE(record.length, at + 10);
  into.writeUInt32LE(Math.min(record.characters, 0xffff_ffff), at + 14);
  const maximum =
    record.maxOutput === null ? NO_MAXIMUM : Math.min(record.maxOutput, NO_MAXIMUM - 1);
  into.writeUInt32LE(maximum, at + 18);
  into.writeUInt16LE(record.formats, at + 22);
}

function decodeRecord(bytes: Buffer, at: number): IndexRecord {
  const maximum = bytes.readUInt32LE(at + 18);
  return {
    line: bytes.readUInt32LE(at),
    offset: bytes.readUIntLE(at + 4, 6),
    length: bytes.readUInt32LE(at + 10),
    characters: bytes.readUInt32LE(at + 14),
    maxOutput: maximum === NO_MAXIMUM ? null : maximum,
    formats: bytes.readUInt16LE(at + 22),
  };
}
