/** Reads a caller's job; another tenant's does not exist. */
import { isId } from '@sluice/job';
import type { JobHead } from '@sluice/ledger';
import type { Api } from './api.ts';
import { refuse } from './errors.ts';
import { maySee } from './http/message.ts';
import type { Caller } from './http/message.ts';

/** Throws 404 when there is none. */
export async function findJob(api: Api, caller: Caller, id: string): Promise<JobHead> {
  const job = isId('job', id) ? await api.reads.head(id) : null;
  return job !== null && maySee(caller, job.tenant) ? job : noSuch('job', id);
}

/** Throws 404 in OpenAI's words. */
export const noSuch = (kind: string, id: string): never =>
  refuse('not_found', { param: 'id', values: { kind, id: id.slice(0, 80) } });
