/**
 * Uploads in parts: pending → completed | cancelled | expired, once. The file of a completed upload appears in the same
 * step as its status; it lives in the upload's slot. Times inside are Unix milliseconds.
 */
import { slotOf } from '@sluice/job';
import { fileFields } from './files.ts';
import type { FileRecord } from './files.ts';
import { acceptRecord, listKeys } from './accepting.ts';
import type { Accepted, Idempotency } from './accepting.ts';
import { run } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { hashOf, nullable, nullableNumber, numberOf, tagged } from './reply.ts';

export type UploadStatus = 'pending' | 'completed' | 'cancelled' | 'expired';

export interface NewUpload {
  id: string;
  tenant: string;
  filename: string;
  purpose: string;
  /** What the parts must add up to. */
  bytes: number;
  mimeType: string;
  createdAt: number;
  expiresAt: number;
  /** Seconds that the file lives; null = the retention of files. */
  expiresAfter: number | null;
}

export interface StoredUpload extends NewUpload {
  status: UploadStatus;
  partIds: string[];
  fileId: string | null;
}

export interface UploadPart {
  id: string;
  bytes: number;
  createdAt: number;
  /** Its name in the file store. */
  storeName: string;
}

/** How long the record of an ended upload stays, seconds. */
const KEEP_ENDED_SECONDS = 24 * 3600;

export async function createUpload(
  ledger: Ledger,
  upload: NewUpload,
  idempotency: Idempotency | null = null,
): Promise<Accepted> {
  const { keys } = ledger;
  return acceptRecord(ledger, {
    id: upload.id,
    key: keys.upload(upload.id),
    fields: {
      status: 'pending',
      tenant: upload.tenant,
      filename: upload.filename,
      purpose: upload.purpose,
      bytes: upload.bytes,
      mime: upload.mimeType,
      created: upload.createdAt,
      expires: upload.expiresAt,
      expires_after: upload.expiresAfter,
    },
    createdAt: upload.createdAt,
    due: { key: keys.expiries(slotOf(upload.id)), at: upload.expiresAt },
    list: null,
    idempotency,
    backlog: null,
  });
}

/** The upload as it stands at `now` (one past its time is `expired`), or null when there is none. */
export async function readUpload(
  ledger: Ledger,
  id: string,
  now: number,
): Promise<StoredUpload | null> {
  const hash = hashOf(await ledger.redis.hgetall(ledger.keys.upload(id)));
  if (!hash?.['status']) return null;
  const expiresAt = numberOf(hash['expires']);
  const status = hash['status'] as UploadStatus;
  return {
    id,
    tenant: hash['tenant'] ?? '',
    filename: hash['filename'] ?? '',
    purpose: hash['purpose'] ?? '',
    bytes: numberOf(hash['bytes']),
    mimeType: hash['mime'] ?? '',
    createdAt: numberOf(hash['created']),
    expiresAt,
    expiresAfter: nullableNumber(hash['expires_after']),
    status: status === 'pending' && expiresAt <= now ? 'expired' : status,
    partIds: hash['part_ids'] ? hash['part_ids'].split(' ') : [],
    fileId: nullable(hash['file_id']),
  };
}

/** Adds a part whose bytes are in the store. `refused`: the upload takes no more parts; remove the bytes. */
export async function addPart(
  ledger: Ledger,
  uploadId: string,
  part: UploadPart,
): Promise<{ kind: 'added' } | { kind: 'refused'; status: UploadStatus } | { kind: 'missing' }> {
  const { keys } = ledger;
  const reply = await run(
    ledger,
    'add-part',
    [keys.upload(uploadId), keys.parts(uploadId)],
    [part.id, part.createdAt, JSON.stringify(part)],
  );
  const [tag, status] = tagged(reply);
  if (tag === 1) return { kind: 'added' };
  return tag === 0 ? { kind: 'refused', status: status as UploadStatus } : { kind: 'missing' };
}

/** All parts, in no particular order. */
export async function readParts(ledger: Ledger, uploadId: string): Promise<UploadPart[]> {
  const rows = await ledger.redis.hvals(ledger.keys.parts(uploadId));
  return rows.map((row) => JSON.parse(row) as UploadPart);
}

/** `completed` names the parts in order and the file made of them (bytes in the store, id in the upload's slot). */
export type UploadEnd =
  | { status: 'completed'; partIds: readonly string[]; file: FileRecord }
  /** `by`: tells this end from any other, so that it knows itself when it is sent again. */
  | { status: 'cancelled' | 'expired'; by?: string };

export type UploadEnded =
  | { kind: 'ended' }
  | { kind: 'had_ended'; status: UploadStatus; partIds: string[]; fileId: string | null }
  | { kind: 'missing' };

/** Ends an upload, once. Parts leave the ledger with it: read them before, remove their bytes after. */
export async function endUpload(
  ledger: Ledger,
  id: string,
  { end, now }: { end: UploadEnd; now: number },
): Promise<UploadEnded> {
  const { keys } = ledger;
  const slot = slotOf(id);
  const file = end.status === 'completed' ? end.file : null;
  const reply = await run(
    ledger,
    'end-upload',
    [
      keys.upload(id),
      keys.parts(id),
      keys.expiries(slot),
      file ? keys.file(file.id) : keys.upload(id),
      ...listKeys(ledger, id, { kind: 'files', tenant: file?.tenant ?? '' }),
    ],
    [
      id,
      now,
      end.status,
      KEEP_ENDED_SECONDS,
      end.status === 'completed' ? end.partIds.join(' ') : '',
      end.status === 'completed' ? end.file.id : (end.by ?? ''),
      file?.expiresAt ?? '',
      file?.tenant ?? '',
      ...(file ? fileFields(file) : []),
    ],
  );
  return endedOf(reply);
}

function endedOf(reply: unknown): UploadEnded {
  const [tag, status, partIds, fileId] = tagged(reply) as [number, ...string[]];
  if (tag === 1) return { kind: 'ended' };
  if (tag === -1) return { kind: 'missing' };
  return {
    kind: 'had_ended',
    status: status as UploadStatus,
    partIds: partIds ? partIds.split(' ') : [],
    fileId: nullable(fileId),
  };
}
