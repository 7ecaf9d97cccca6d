/** Reads a caller's job; another tenant's does not exist. */
import { isId, parseLineId } from '@sluice/job';
import type { JobHead } from '@sluice/ledger';
import { beforeWriting } from './accept-surely.ts';
import type { Api } from './api.ts';
import { refuse } from './errors.ts';
import { maySee } from './http/message.ts';
import type { Caller } from './http/message.ts';

/** Throws 404 when there is none. */
export async function findJob(api: Api, caller: Caller, id: string): Promise<JobHead> {
  const line = parseLineId(id);
  if (line !== null) noJobOfItsOwn(id, line.batchId);
  const job = isId('job', id) ? await beforeWriting(api.reads.head(id)) : null;
  return job !== null && maySee(caller, job.tenant) ? job : noSuch('job', id);
}

/** A line is read as a job is; what is done to it is done to its batch. */
function noJobOfItsOwn(id: string, batch: string): never {
  const hint = `. A line of a batch is read at GET /v1/jobs/${id}; it is retried with its batch (POST /v1/batches/${batch}/retry), and cancelled with it.`;
  return refuse('not_found', { param: 'id', values: { kind: 'job', id, hint } });
}

/** Throws 404 in OpenAI's words. `known`: what there is instead, where whoever asks may hear of it. */
export const noSuch = (kind: string, id: string, known: readonly string[] = []): never => {
  const hint = known.length > 0 ? `. There are: ${inShort(known)}.` : '';
  return refuse('not_found', { param: 'id', values: { kind, id: id.slice(0, 80), hint } });
};

/** As many as a message has room for. */
const MOST_NAMED = 20;

function inShort(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  const shown = names.slice(0, MOST_NAMED).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}
