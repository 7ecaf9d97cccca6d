/** POST /v1/batches/{id}/retry: the lines that did not succeed, as a new batch over a new file. */
import { LineSet, readLines, readRecorded } from '@sluice/files';
import type { FileStore, Writing } from '@sluice/files';
import { readExtents } from '@sluice/ledger';
import type { FileRecord, StoredBatch } from '@sluice/ledger';
import type { Api } from '../api.ts';
import { batchObject } from '../batch-object.ts';
import { refuse } from '../errors.ts';
import { findBatch, hasEnded } from '../find-batch.ts';
import { lookForFile } from '../find-file.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { ok } from '../http/message.ts';
import { newId } from '../idempotency.ts';
import { refuseInput, submitBatch } from '../submit-batch.ts';
import { forgetFile, keepForBatch, newFile } from './files.ts';

export async function retryBatch(api: Api, request: ApiRequest): Promise<Reply> {
  const old = await findBatch(api, request.caller, request.params['id'] as string);
  if (!hasEnded(old.status) || old.status === 'failed' || old.completed >= old.total) {
    const found = old.completed >= old.total && old.total > 0 ? 'all done' : old.status;
    const allowed = 'completed, expired or cancelled, with lines that did not succeed';
    refuse('wrong_state', { values: { id: old.id, found, allowed } });
  }
  const id = old.inputFileId;
  const input = await lookForFile(api, request.caller, { id, now: request.now });
  const file = await writeRest(api, request, {
    old,
    input: input ?? refuseInput(id, `the input of ${old.id}, ${id}, is gone`),
  });
  const order = { ...old, inputFileId: file.id, retryOf: old.id };
  const submitted = submitBatch(api, request, { order, content: request.text });
  const { batch, made } = await submitted.catch(async (error: unknown) => {
    await forgetFile(api, file);
    throw error;
  });
  if (!made) await forgetFile(api, file);
  return ok(batchObject(batch));
}

async function writeRest(
  api: Api,
  request: ApiRequest,
  { old, input }: { old: StoredBatch; input: FileRecord },
): Promise<FileRecord> {
  const succeeded = await succeededLines(api, old.id);
  const id = newId('file');
  const writing = await api.store.create(`files/${id}`);
  try {
    await copyOthers(api.store, { from: input.storeName, to: writing, except: succeeded });
    const { bytes } = await writing.commit();
    const form = { bytes, filename: `retry_of_${old.id}.jsonl` };
    const file = newFile(api, request, { id, form, purpose: 'batch', lifeSeconds: null });
    await keepForBatch(api, file);
    return file;
  } finally {
    await writing.abort();
  }
}

async function succeededLines(api: Api, batchId: string): Promise<LineSet> {
  const seen = new LineSet();
  const succeeded = new LineSet();
  for await (const rows of readRecorded(api.store, await readExtents(api.ledger, batchId))) {
    for (const { line, ok: good } of rows) if (seen.add(line) && good) succeeded.add(line);
  }
  return succeeded;
}

const NEWLINE = Buffer.from('\n');

async function copyOthers(
  store: FileStore,
  { from, to, except }: { from: string; to: Writing; except: LineSet },
): Promise<void> {
  for await (const lines of readLines(store.read(from), { checkUtf8: false })) {
    const rest = lines.filter(({ line }) => !except.has(line));
    if (rest.length === 0) continue;
    await to.write(Buffer.concat(rest.flatMap(({ bytes }) => [bytes, NEWLINE])));
  }
}
