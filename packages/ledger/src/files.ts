/**
 * Files: the record of what the file store holds. Bytes first, record second; on deletion record first, bytes second:
 * a record never names bytes that are not there. Times inside are Unix milliseconds.
 */
import { slotOf } from '@sluice/job';
import { acceptRecord, listKeys } from './accepting.ts';
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

/**
 * Records a file whose bytes are in the store. A second call with the same id changes nothing. `lookAt`: it is on the way to
 * a batch, and is looked at then, whether that was made of it.
 */
export async function createFile(
  ledger: Ledger,
  file: FileRecord,
  idempotency: Idempotency | null = null,
  { lookAt }: { lookAt?: number } = {},
): Promise<Accepted> {
  const { keys } = ledger;
  const slot = slotOf(file.id);
  return acceptRecord(ledger, {
    id: file.id,
    key: keys.file(file.id),
    fields: fileRecord(file),
    createdAt: file.createdAt,
    due: { key: keys.expiries(slot), at: lookAt ?? file.expiresAt },
    list: { kind: 'files', tenant: file.tenant },
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

/** What is known of the batches that were noted at a file: those that ended, and those of which there is no record. */
export interface LetGo {
  ended?: readonly string[];
  unknown?: readonly string[];
}

export type Deletion = { kind: 'deleted' | 'missing' } | { kind: 'held'; by: string };

/** A batch is made within this time of being noted at its file, or it is not made at all. */
const MAKING_MS = 60_000;

/**
 * Removes the record; the caller removes the bytes from the store after it. `held`: a batch was noted that is in neither
 * list, or one without a record that may be being made this moment.
 */
export async function deleteFile(
  ledger: Ledger,
  { id, tenant }: Pick<FileRecord, 'id' | 'tenant'>,
  { ended = [], unknown = [] }: LetGo = {},
): Promise<Deletion> {
  const { keys } = ledger;
  const list = listKeys(ledger, id, { kind: 'files', tenant });
  const names = [keys.file(id), keys.expiries(slotOf(id)), ...list];
  const known = [ended.length, ...ended, ...unknown];
  const reply = await run(ledger, 'delete-file', names, [id, tenant, MAKING_MS, ...known]);
  if (typeof reply === 'string') return { kind: 'held', by: reply };
  return { kind: reply === 1 ? 'deleted' : 'missing' };
}

/** Notes that a batch reads this file. False when the file is gone: then the batch must not be made. */
export async function useFile(ledger: Ledger, id: string, batchId: string): Promise<boolean> {
  return (await run(ledger, 'use-file', [ledger.keys.file(id)], [batchId])) === 1;
}

/** Takes the note back: the batch was not made after all. */
export const releaseFile = (ledger: Ledger, id: string, batchId: string): Promise<unknown> =>
  ledger.redis.hdel(ledger.keys.file(id), `used:${batchId}`);

/** Ids of the batches that were made of this file, ended ones included. */
export async function usersOfFile(ledger: Ledger, id: string): Promise<string[]> {
  const names = await ledger.redis.hkeys(ledger.keys.file(id));
  return names.filter((name) => name.startsWith('used:')).map((name) => name.slice(5));
}

/** Looks at a file or batch again at `at`, ms; null = never. */
export async function lookAgain(ledger: Ledger, id: string, at: number | null): Promise<void> {
  const key = ledger.keys.expiries(slotOf(id));
  if (at === null) await ledger.redis.zrem(key, id);
  else await ledger.redis.zadd(key, 'XX', at, id);
}

/** Takes an id out of what lapses: nothing of it is left. */
export const forgetLapsed = (ledger: Ledger, id: string): Promise<void> =>
  lookAgain(ledger, id, null);

/** Ids of files, uploads and batches of one slot that lapsed before `now`, oldest first. */
export function listExpired(
  ledger: Ledger,
  slot: number,
  { now, limit }: { now: number; limit: number },
): Promise<string[]> {
  return ledger.redis.zrangebyscore(ledger.keys.expiries(slot), '-inf', now, 'LIMIT', 0, limit);
}
