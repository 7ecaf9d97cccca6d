/** /v1/uploads: a file in parts. Parts lie in the store on their own until completion joins them, once. */
import { FileMissing } from '@sluice/files';
import type { Written } from '@sluice/files';
import { isId, makeSiblingId } from '@sluice/job';
import {
  addPart,
  createUpload,
  endUpload,
  noteBytes,
  readFile,
  readParts,
  readUpload,
} from '@sluice/ledger';
import type { FileRecord, StoredUpload, UploadPart } from '@sluice/ledger';
import { randomBytes } from 'node:crypto';
import type { z } from 'zod';
import { beforeWriting } from '../accept-surely.ts';
import { answerOnce } from '../answer-once.ts';
import type { Api } from '../api.ts';
import { HEAD_BYTES, checkBatchContent } from '../batch-content.ts';
import { refuse } from '../errors.ts';
import { partObject, uploadObject } from '../file-object.ts';
import { noSuch } from '../find-job.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { ok } from '../http/message.ts';
import { checkBody } from '../http/problem.ts';
import { hasKey, idempotencyOf, newId, refuseConflict } from '../idempotency.ts';
import { removeBytes } from '../remove-file.ts';
import { receiveForm } from '../receive-form.ts';
import { completeRequest, uploadRequest } from '../shapes/file-request.ts';
import { FILE_LIMIT, MOST_PART_BYTES, PART_LIMIT } from '../size-limits.ts';
import { newFile } from './files.ts';

const HOUR_MS = 3_600_000;

const folderOf = (uploadId: string): string => `uploads/${uploadId}`;

export async function openUpload(api: Api, request: ApiRequest): Promise<Reply> {
  const wanted = checkBody(uploadRequest, request.json);
  const { maxFileBytes } = api.settings.server;
  if (wanted.bytes > maxFileBytes) {
    const values = { field: 'bytes', allowed: maxFileBytes, limit: FILE_LIMIT };
    refuse('too_large', { param: 'bytes', values });
  }
  const keepMs = api.settings.retention.jobsMs;
  const idempotency = idempotencyOf(request, { content: request.text, keepMs });
  const upload = {
    id: newId('upload', idempotency),
    tenant: request.caller.id,
    filename: wanted.filename,
    purpose: wanted.purpose,
    bytes: wanted.bytes,
    mimeType: wanted.mime_type,
    createdAt: request.now,
    expiresAt: request.now + HOUR_MS,
    expiresAfter: wanted.expires_after?.seconds ?? null,
  };
  const accepted = await createUpload(api.ledger, upload, idempotency);
  refuseConflict(accepted, request);
  const stored = await readUpload(api.ledger, accepted.id, request.now);
  return ok(uploadObject(stored ?? noSuch('Upload', accepted.id), null));
}

async function findUpload(api: Api, request: ApiRequest): Promise<StoredUpload> {
  const id = request.params['id'] as string;
  const reading = isId('upload', id) ? readUpload(api.ledger, id, request.now) : null;
  const upload = reading && (await beforeWriting(reading));
  return upload?.tenant === request.caller.id ? upload : noSuch('Upload', id);
}

const refuseState = ({ id, status }: StoredUpload): never =>
  refuse('wrong_state', { values: { id, found: status, allowed: 'pending' } });

export async function receivePart(api: Api, request: ApiRequest): Promise<Reply> {
  const upload = await findUpload(api, request);
  if (upload.status !== 'pending') refuseState(upload);
  const id = makeSiblingId('part', upload.id, randomBytes(16));
  const storeName = `${folderOf(upload.id)}/${id}`;
  const form = await receiveForm(request, {
    fileField: 'data',
    maxBytes: MOST_PART_BYTES,
    maxIs: PART_LIMIT,
    store: api.store,
    storeName,
    ...(hasKey(request) ? { digest: 'sha256' as const } : {}),
  });
  const state = { added: false };
  try {
    await noteBytes(api.ledger, upload.id, api.clock.now());
    const { bytes, digest } = await form.writing.commit();
    api.metrics.bytesReceived.inc(bytes);
    const part: UploadPart = { id, bytes, createdAt: api.clock.now(), storeName };
    return await answerOnce(api, request, digest ?? '', async () => {
      const object = await keepPart(api, upload, part);
      state.added = true;
      return object;
    });
  } finally {
    await form.writing.abort();
    if (!state.added) await removeBytes(api, storeName);
  }
}

async function keepPart(api: Api, upload: StoredUpload, part: UploadPart): Promise<object> {
  const added = await addPart(api.ledger, upload.id, part);
  if (added.kind === 'added') return partObject(upload.id, part);
  return added.kind === 'missing'
    ? noSuch('Upload', upload.id)
    : refuseState({ ...upload, status: added.status });
}

export async function completeUpload(api: Api, request: ApiRequest): Promise<Reply> {
  const upload = await findUpload(api, request);
  const wanted = checkBody(completeRequest, request.json);
  if (upload.status !== 'pending') return completedBefore(api, upload, wanted.part_ids);
  const all = await readParts(api.ledger, upload.id);
  // They leave the ledger with the end of an upload: it may have come just now.
  const now = all.length === 0 ? await findUpload(api, request) : upload;
  if (now.status !== 'pending') return completedBefore(api, now, wanted.part_ids);
  const parts = chosenParts(all, wanted.part_ids);
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  if (bytes !== upload.bytes) {
    const reason = `its parts have ${bytes} bytes, ${upload.bytes} were announced`;
    refuse('upload_incomplete', { param: 'part_ids', values: { reason } });
  }
  const id = makeSiblingId('file', upload.id, randomBytes(16));
  const { purpose, expiresAfter: lifeSeconds } = upload;
  const file = newFile(api, request, { id, form: upload, purpose, lifeSeconds });
  return join(api, { upload, parts, file, wanted });
}

interface Joining {
  upload: StoredUpload;
  parts: UploadPart[];
  file: FileRecord;
  wanted: z.output<typeof completeRequest>;
}

async function join(api: Api, joining: Joining): Promise<Reply> {
  const { upload, file, wanted } = joining;
  await Promise.all([upload.id, file.id].map((id) => noteBytes(api.ledger, id, api.clock.now())));
  const written = await joinParts(api, joining);
  if (written === null) return joinedElsewhere(api, joining);
  try {
    await checkJoined(api, { upload, file, wanted, digest: written.digest });
  } catch (error) {
    await removeBytes(api, file.storeName);
    throw error;
  }
  const end = { status: 'completed' as const, partIds: wanted.part_ids, file };
  const ended = await endUpload(api.ledger, upload.id, { end, now: api.clock.now() });
  if (ended.kind === 'ended') {
    await removeParts(api, upload.id);
    const done: StoredUpload = { ...upload, status: 'completed', fileId: file.id };
    return ok(uploadObject(done, file));
  }
  await removeBytes(api, file.storeName);
  if (ended.kind === 'missing') return noSuch('Upload', upload.id);
  return completedBefore(api, { ...upload, ...ended }, wanted.part_ids);
}

/** Null when a part is gone, as when the same completion ended at another process, or was sent again while it took long. */
async function joinParts(api: Api, { parts, file, wanted }: Joining): Promise<Written | null> {
  const names = parts.map((part) => part.storeName);
  const options = wanted.md5 === undefined ? {} : { digest: 'md5' as const };
  try {
    return await api.store.concat(names, file.storeName, options);
  } catch (error) {
    if (error instanceof FileMissing) return null;
    throw error;
  }
}

async function joinedElsewhere(api: Api, { upload, wanted }: Joining): Promise<Reply> {
  const now = await readUpload(api.ledger, upload.id, api.clock.now());
  if (now === null) return noSuch('Upload', upload.id);
  if (now.status === 'pending') throw new FileMissing(folderOf(upload.id));
  return completedBefore(api, now, wanted.part_ids);
}

async function checkJoined(
  api: Api,
  joined: Omit<Joining, 'parts'> & { digest: string | null },
): Promise<void> {
  const { upload, file, wanted, digest } = joined;
  if (wanted.md5 !== undefined && wanted.md5.toLowerCase() !== digest) {
    const reason = `the MD5 of what arrived is ${digest}`;
    refuse('upload_incomplete', { param: 'md5', values: { reason } });
  }
  if (upload.purpose !== 'batch') return;
  const head = await api.store.readAt(file.storeName, 0, HEAD_BYTES);
  checkBatchContent(upload.filename, head, 'filename');
}

function chosenParts(parts: readonly UploadPart[], ids: readonly string[]): UploadPart[] {
  const byId = new Map(parts.map((part) => [part.id, part]));
  return ids.map((id, i) => {
    const part = byId.get(id);
    byId.delete(id);
    if (part) return part;
    const field = `part_ids[${i}]`;
    const values = { field, found: JSON.stringify(id.slice(0, 80)), allowed: 'each part once' };
    return refuse('invalid_value', { param: field, values });
  });
}

/** The same completion again (an answer may have been lost) is answered as the first; anything else is refused. */
async function completedBefore(
  api: Api,
  upload: StoredUpload,
  partIds: readonly string[],
): Promise<Reply> {
  const same = upload.status === 'completed' && upload.partIds.join(' ') === partIds.join(' ');
  if (!same || upload.fileId === null) return refuseState(upload);
  return ok(uploadObject(upload, await readFile(api.ledger, upload.fileId)));
}

export async function cancelUpload(api: Api, request: ApiRequest): Promise<Reply> {
  const upload = await findUpload(api, request);
  await noteBytes(api.ledger, upload.id, request.now);
  const end = { status: 'cancelled' as const, by: request.id };
  const ended = await endUpload(api.ledger, upload.id, { end, now: request.now });
  if (ended.kind === 'missing') noSuch('Upload', upload.id);
  // Also where it had ended before: whoever ended it may have died here.
  await removeParts(api, upload.id);
  if (ended.kind === 'had_ended') refuseState({ ...upload, status: ended.status });
  return ok(uploadObject({ ...upload, status: 'cancelled' }, null));
}

const removeParts = ({ store, events }: Api, uploadId: string): Promise<void> =>
  store
    .removeAll(folderOf(uploadId))
    .catch((error: unknown) =>
      events.bytesLeft({ name: folderOf(uploadId), error: String(error) }),
    );
