/** /v1/files. Bytes go into the store first, the record second; on deletion the other way round. */
import { createFile, noteBytes, readFile } from '@sluice/ledger';
import type { FileRecord } from '@sluice/ledger';
import type { Api } from '../api.ts';
import { begun, wholeOf } from '../begun.ts';
import { checkBatchContent } from '../batch-content.ts';
import { refuse } from '../errors.ts';
import { fileObject } from '../file-object.ts';
import { findFile } from '../find-file.ts';
import { noSuch } from '../find-job.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { maySee, ok } from '../http/message.ts';
import { check } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { hasKey, idempotencyOf, newId, refuseConflict } from '../idempotency.ts';
import { listPage } from '../listing.ts';
import { removeBytes, removeUnused } from '../remove-file.ts';
import { receiveForm } from '../receive-form.ts';
import type { Form } from '../receive-form.ts';
import { fileForm, filesQuery } from '../shapes/file-request.ts';
import { FILE_LIMIT } from '../size-limits.ts';

export async function uploadFile(api: Api, request: ApiRequest): Promise<Reply> {
  const keepMs = api.settings.retention.jobsMs;
  const id = newId('file', idempotencyOf(request, { content: '', keepMs }));
  const form = await receiveForm(request, {
    fileField: 'file',
    maxBytes: api.settings.server.maxFileBytes,
    maxIs: FILE_LIMIT,
    store: api.store,
    storeName: `files/${id}`,
    ...(hasKey(request) ? { digest: 'sha256' as const } : {}),
  });
  try {
    const fields = check(fileForm, Object.fromEntries(form.fields));
    if (fields.purpose === 'batch') checkBatchContent(form.filename, form.head, 'file');
    if (form.bytes === 0) {
      refuse('invalid_file', { param: 'file', values: { field: 'file', reason: 'it is empty' } });
    }
    const lifeSeconds = fields['expires_after[seconds]'] ?? null;
    const record = newFile(api, request, { id, form, purpose: fields.purpose, lifeSeconds });
    return ok(fileObject(await keepFile(api, request, { form, record })));
  } finally {
    await form.writing.abort();
  }
}

interface NewFile {
  id: string;
  form: Pick<Form, 'bytes' | 'filename'>;
  purpose: string;
  lifeSeconds: number | null;
}

/** Input of batches lapses after the retention of files, like OpenAI's; other files stay. */
export function newFile(
  api: Pick<Api, 'settings'>,
  request: Pick<ApiRequest, 'caller' | 'now'>,
  { id, form, purpose, lifeSeconds }: NewFile,
): FileRecord {
  const usual = purpose === 'batch' ? api.settings.retention.filesMs : null;
  const lifeMs = lifeSeconds === null ? usual : lifeSeconds * 1000;
  return {
    id,
    tenant: request.caller.id,
    bytes: form.bytes,
    createdAt: request.now,
    filename: form.filename,
    purpose,
    expiresAt: lifeMs === null ? null : request.now + lifeMs,
    storeName: `files/${id}`,
  };
}

/** Commits the bytes, then the record; what an earlier request of the same key made wins. */
async function keepFile(
  api: Api,
  request: ApiRequest,
  { form, record }: { form: Form; record: FileRecord },
): Promise<FileRecord> {
  await noteBytes(api.ledger, record.id, api.clock.now());
  const { bytes, digest } = await form.writing.commit();
  api.metrics.bytesReceived.inc(bytes);
  const { filename, purpose } = record;
  const expires = form.fields.get('expires_after[seconds]');
  const content = JSON.stringify([digest, filename, purpose, expires]);
  const keepMs = api.settings.retention.jobsMs;
  const accepted = await createFile(
    api.ledger,
    record,
    idempotencyOf(request, { content, keepMs }),
  );
  if (accepted.kind === 'created') return record;
  await removeBytes(api, record.storeName);
  refuseConflict(accepted, request);
  return (await readFile(api.ledger, accepted.id)) ?? noSuch('File', accepted.id);
}

/** By then a batch is made of its file, or not at all: its lines may be counted before. */
const MADE_WITHIN_MS = 120_000;
const COUNTED_BYTES_PER_MS = 5_000;

/** Records a file on the way to a batch. Should this process end before the batch is made, housekeeping removes it. `now`: ms. */
export const keepForBatch = (
  api: Pick<Api, 'ledger'>,
  file: FileRecord,
  now: number,
): Promise<unknown> =>
  createFile(api.ledger, file, null, {
    lookAt: now + MADE_WITHIN_MS + file.bytes / COUNTED_BYTES_PER_MS,
  });

/** A file made on the way to a batch that then was not made of it. Where that is unknown housekeeping finds out. */
export const forgetFile = async (api: Api, file: FileRecord): Promise<unknown> =>
  removeUnused(api, file, api.clock.now()).catch(() => null);

export async function listFiles(api: Api, request: ApiRequest): Promise<Reply> {
  const query = readQuery(filesQuery, request.query);
  const page = await listPage(api.ledger, request, {
    kind: 'files',
    order: query.order,
    after: query.after,
    limit: query.limit,
    read: async (id) => {
      const file = await readFile(api.ledger, id);
      if (file === null || !maySee(request.caller, file.tenant)) return null;
      if (file.expiresAt !== null && file.expiresAt <= request.now) return null;
      return query.purpose === undefined || file.purpose === query.purpose
        ? fileObject(file)
        : null;
    },
  });
  return ok(page);
}

const wanted = (request: ApiRequest): { id: string; now: number } => ({
  id: request.params['id'] as string,
  now: request.now,
});

export const getFile = async (api: Api, request: ApiRequest): Promise<Reply> =>
  ok(fileObject(await findFile(api, request.caller, wanted(request))));

export async function getContent(api: Api, request: ApiRequest): Promise<Reply> {
  const file = await findFile(api, request.caller, wanted(request));
  if ((await api.store.size(file.storeName)) === null) noSuch('File', file.id);
  const { storeName: name, bytes } = file;
  const content = wholeOf(api.store.read(name, { end: bytes }), { name, bytes });
  return {
    status: 200,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(file.bytes),
      'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(file.filename)}`,
    },
    stream: await begun(request, content),
  };
}

/** A file that a batch still reads is not taken away under it. */
export async function removeFile(api: Api, request: ApiRequest): Promise<Reply> {
  const file = await findFile(api, request.caller, wanted(request));
  const held = await removeUnused(api, file, request.now);
  if (held !== null) {
    refuse('file_in_use', { values: { id: file.id, batch: held.batch, found: held.status } });
  }
  return ok({ id: file.id, object: 'file', deleted: true });
}
