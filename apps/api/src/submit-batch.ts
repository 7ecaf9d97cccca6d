/** Accepts a batch over an input file that is in the store. Its lines are checked by the dispatcher's first step. */
import { createBatch, readBatch, releaseFile, useFile } from '@sluice/ledger';
import type { NewBatch, StoredBatch } from '@sluice/ledger';
import { acceptSurely, beforeWriting } from './accept-surely.ts';
import { checkAllowance, returnAllowanceOf } from './allowance.ts';
import type { Api } from './api.ts';
import { refuse } from './errors.ts';
import { noSuch } from './find-job.ts';
import type { ApiRequest } from './http/message.ts';
import { idempotencyOf, newId, refuseConflict } from './idempotency.ts';
import { windowMs } from './shapes/batch-request.ts';
import { checkWebhook } from './submit-job.ts';

/** When the sweeper looks whether an accepted batch has begun. */
const LOOK_AFTER_MS = 15_000;

export type BatchOrder = Omit<NewBatch, 'id' | 'tenant' | 'createdAt' | 'expiresAt'>;

/** `content`: as for an Idempotency-Key. `id`: what it is to be called, whoever makes it first; no key is looked at then. */
type Submission = { order: BatchOrder } & ({ content: string } | { id: string });

/** `made`: this request made it; otherwise an earlier one did, with the same Idempotency-Key or under the same id. */
export async function submitBatch(
  api: Api,
  request: ApiRequest,
  submission: Submission,
): Promise<{ batch: StoredBatch; made: boolean }> {
  const { order } = submission;
  checkWebhook(api, order.webhookUrl);
  const { id, idempotency } = nameOf(api, request, submission);
  const work = { id, idempotency, inputFileId: order.inputFileId };
  await beforeWriting(checkAllowance(api, request.caller, work));
  const used = await beforeWriting(useFile(api.ledger, order.inputFileId, id));
  if (!used) refuseInput(order.inputFileId);
  // Counting the lines of its file may have taken long.
  const asking = { headers: request.headers, now: api.clock.now() };
  const batch = {
    ...order,
    id,
    tenant: request.caller.id,
    createdAt: request.now,
    expiresAt: request.now + (windowMs(order.completionWindow) as number),
  };
  const options = { checkAt: request.now + LOOK_AFTER_MS, idempotency };
  const write = () => createBatch(api.ledger, batch, options);
  const accepted = await acceptSurely(api, asking, { id, write });
  if (accepted.kind !== 'created') await returnAllowanceOf(api, request.caller, { id });
  const made = accepted.kind === 'created' && (await isOurs(api, id, submission));
  if (!made) await releaseFile(api.ledger, order.inputFileId, id);
  refuseConflict(accepted, request);
  if (made) {
    api.metrics.batchesAccepted.inc();
    api.queues.addStep({ batch: id, step: 'validate' });
  }
  const read = () => readBatch(api.ledger, accepted.id);
  const stored = await acceptSurely(api, asking, { id: accepted.id, write: read });
  return { batch: stored ?? noSuch('batch', accepted.id), made };
}

function nameOf(api: Api, request: ApiRequest, submission: Submission) {
  if ('id' in submission) return { id: submission.id, idempotency: null };
  const { content } = submission;
  const keepMs = api.settings.retention.jobsMs;
  const idempotency = idempotencyOf(request, { content, keepMs });
  return { id: newId('batch', idempotency), idempotency };
}

/** Of two requests that make a batch under the same id at once one is first. */
const isOurs = async ({ ledger }: Api, id: string, submission: Submission): Promise<boolean> =>
  !('id' in submission) ||
  (await readBatch(ledger, id))?.inputFileId === submission.order.inputFileId;

/** Throws 400: the file named is not there for this caller, or not any more. */
export const refuseInput = (id: string, reason = `cannot find file ${id}`): never =>
  refuse('invalid_file', { param: 'input_file_id', values: { field: 'input_file_id', reason } });
