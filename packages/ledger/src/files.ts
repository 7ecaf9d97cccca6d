/**
 * Files: the record of what the file store holds. Bytes first, record second; on deletion record first, bytes second:
 * a record never names bytes that are not there. Times inside are Unix milliseconds.
 */
import { slotOf } from '@sluice/job';
import { acceptRecord } from './accepting.ts';
import type { Accepted, Idempotency } from './accepting.ts';
import { run } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { fieldsOf, hashOf, nullableNumber, numberOf } from './reply.ts';

export interface FileRecord {
  id: string;
  tenant: string;
  bytes: number;
  createdAt: number;
  filename: string;
  /** `batch`, `batch_output`, `user_data` … */
  purpose: string;
  /** When it lapses; null = never. */
  expiresAt: number | null;
  /** Its name in the file store. */
  storeName: string;
}

const fileRecord = (file: FileRecord) => ({
  tenant: file.tenant,
  bytes: file.bytes,
  created: file.createdAt,
  filename: file.filename,
  purpose: file.purpose,
  expires: file.expiresAt,
  store: file.storeName,
});

/** Fields of the record for a script that makes a file beside something else. */
export const fileFields = (file: FileRecord): string[] => fieldsOf(fileRecord(file));

/** Records a file whose bytes are in the store. A second call with the same id changes nothing. */
export async function createFile(
  ledger: Ledger,
  file: FileRecord,
  idempotency: Idempotency | null = null,
): Promise<Accepted> {
  const { keys } = ledger;
  const slot = slotOf(file.id);
  return acceptRecord(ledger, {
    id: file.id,
    key: keys.file(file.id),
    fields: fileRecord(file),
    createdAt: file.createdAt,
    due: { key: keys.expiries(slot), at: file.expiresAt },
    list: keys.list('files', slot),
    idempotency,
    backlog: null,
  });
}

/** The record, or null when there is no such file (never was, deleted). A lapsed one is there until it is removed. */
export async function readFile(ledger: Ledger, id: string): Promise<FileRecord | null> {
  const hash = hashOf(await ledger.redis.hgetall(ledger.keys.file(id)));
  if (!hash?.['store']) return null;
  return {
    id,
    tenant: hash['tenant'] ?? '',
    bytes: numberOf(hash['bytes']),
    createdAt: numberOf(hash['created']),
    filename: hash['filename'] ?? '',
    purpose: hash['purpose'] ?? '',
    expiresAt: nullableNumber(hash['expires']),
    storeName: hash['store'],
  };
}

/** Removes the record; the caller removes the bytes from the store after it. False when there was none. */
export async function deleteFile(ledger: Ledger, id: string): Promise<boolean> {
  const { keys } = ledger;
  const slot = slotOf(id);
  const replies = await ledger.redis
    .multi()
    .del(keys.file(id))
    .zrem(keys.list('files', slot), id)
    .zrem(keys.expiries(slot), id)
    .exec();
  return replies?.[0]?.[1] === 1;
}

/** Notes that a batch reads this file. False when the file is gone: then the batch must not be made. */
export async function useFile(ledger: Ledger, id: string, batchId: string): Promise<boolean> {
  return (await run(ledger, 'use-file', [ledger.keys.file(id)], [batchId])) === 1;
}

/** Ids of the batches that were made of this file, ended ones included. */
export async function usersOfFile(ledger: Ledger, id: string): Promise<string[]> {
  const names = await ledger.redis.hkeys(ledger.keys.file(id));
  return names.filter((name) => name.startsWith('used:')).map((name) => name.slice(5));
}

/** Ids of files and uploads of one slot that lapsed before `now`, oldest first. */
export function listExpired(
  ledger: Ledger,
  slot: number,
  { now, limit }: { now: number; limit: number },
): Promise<string[]> {
  return ledger.redis.zrangebyscore(ledger.keys.expiries(slot), '-inf', now, 'LIMIT', 0, limit);
}
