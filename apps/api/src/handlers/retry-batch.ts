/**
 * POST /v1/batches/{id}/retry: the lines that did not succeed, as a new batch over a new file. They are tried again once: a repeat
 * is answered with the batch that does it, and when that has ended what is left of it is that one's to retry. So no answer
 * is bought twice, also where a client repeats without an Idempotency-Key.
 */
import { FileMissing, LineSet, readLines, readRecorded } from '@sluice/files';
import type { FileStore, Writing } from '@sluice/files';
import { noteBytes, readExtents } from '@sluice/ledger';
import type { FileRecord, StoredBatch } from '@sluice/ledger';
import { answerOnce } from '../answer-once.ts';
import type { Api } from '../api.ts';
import { batchObject } from '../batch-object.ts';
import type { BatchObject } from '../batch-object.ts';
import { refuse } from '../errors.ts';
import { findBatch, hasEnded } from '../find-batch.ts';
import { lookForFile } from '../find-file.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { checkAnyBody } from '../http/problem.ts';
import { newId } from '../idempotency.ts';
import { nextBatchRetry } from '../next-retry.ts';
import { emptyRequest } from '../shapes/empty-request.ts';
import { showBatch } from '../show-batch.ts';
import { refuseInput, submitBatch } from '../submit-batch.ts';
import { forgetFile, keepForBatch, newFile } from './files.ts';

export function retryBatch(api: Api, request: ApiRequest): Promise<Reply> {
  return answerOnce(api, request, request.text, () => retryOnce(api, request));
}

async function retryOnce(api: Api, request: ApiRequest): Promise<BatchObject> {
  checkAnyBody(emptyRequest, request.json);
  const old = await findBatch(api, request.caller, request.params['id'] as string);
  refuseUnlessUnfinished(old);
  const { id, batch } = await nextBatchRetry(api, old.id);
  if (batch === null) return makeRetry(api, request, { old, id });
  if (hasEnded(batch.status)) {
    const found = `retried already, as ${batch.id}, which is ${batch.status}`;
    refuse('wrong_state', { values: { id: old.id, found, allowed: 'to retry that one' } });
  }
  request.marks['idempotent-replayed'] = 'true';
  return showBatch(api, batch);
}

function refuseUnlessUnfinished(old: StoredBatch): void {
  if (!hasEnded(old.status) || old.status === 'failed' || old.completed >= old.total) {
    const found = old.completed >= old.total && old.total > 0 ? 'all done' : old.status;
    const allowed = 'completed, expired or cancelled, with lines that did not succeed';
    refuse('wrong_state', { values: { id: old.id, found, allowed } });
  }
}

/** `id`: the same for all who ask at once, so one of them makes it. */
async function makeRetry(
  api: Api,
  request: ApiRequest,
  { old, id: retryId }: { old: StoredBatch; id: string },
): Promise<BatchObject> {
  const id = old.inputFileId;
  const gone = (): never => refuseInput(id, `the input of ${old.id}, ${id}, is gone`);
  const input = (await lookForFile(api, request.caller, { id, now: request.now })) ?? gone();
  // It may be deleted just now: its record goes before its bytes.
  const file = await writeRest(api, request, { old, input }).catch((error: unknown) => {
    if (error instanceof FileMissing) return gone();
    throw error;
  });
  const order = { ...old, inputFileId: file.id, retryOf: old.id };
  const submitted = submitBatch(api, request, { order, id: retryId });
  const { batch, made } = await submitted.catch(async (error: unknown) => {
    await forgetFile(api, file);
    throw error;
  });
  if (!made) await forgetFile(api, file);
  return batchObject(batch, api.clock.now());
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
    await noteBytes(api.ledger, id, api.clock.now());
    const { bytes } = await writing.commit();
    const form = { bytes, filename: `retry_of_${old.id}.jsonl` };
    const file = newFile(api, request, { id, form, purpose: 'batch', lifeSeconds: null });
    await keepForBatch(api, file, api.clock.now());
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
