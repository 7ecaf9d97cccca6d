/**
 * A batch's index: per class one file of fixed-width records, so that the feeder reads any run of a class's lines
 * with one small read, in the order of the input. Little-endian:
 * line u32 · offset u48 · length u32 · characters u32 · max output u32 (all ones: none set) · formats u16.
 */
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
}

export interface IndexWriter {
  /** Records must be awaited one after another; most return at once. */
  add(record: IndexRecord): Promise<void>;
  commit(): Promise<Written>;
  abort(): Promise<void>;
}

export const INDEX_RECORD_BYTES = 24;
/** 12 KB: a batch has up to 60 indexes open at once. */
const RECORDS_PER_WRITE = 512;
const NO_MAXIMUM = 0xffff_ffff;

/** Name of a class's index within the store. */
export const indexName = (batchId: string, index: string): string => `batches/${batchId}/${index}`;

/** Starts an index; nothing is visible before `commit`. */
export async function createIndex(store: FileStore, name: string): Promise<IndexWriter> {
  const writing = await store.create(name);
  let block = Buffer.allocUnsafe(RECORDS_PER_WRITE * INDEX_RECORD_BYTES);
  let used = 0;

  const flush = async (): Promise<void> => {
    const full = block.subarray(0, used);
    used = 0;
    block = Buffer.allocUnsafe(RECORDS_PER_WRITE * INDEX_RECORD_BYTES);
    await writing.write(full);
  };
  return {
    async add(record) {
      encodeRecord(record, block, used);
      used += INDEX_RECORD_BYTES;
      if (used === block.length) await flush();
    },
    async commit() {
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
