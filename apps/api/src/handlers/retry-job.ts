/**
 * POST /v1/jobs/{id}/retry: a failed job again, as a new one. It is tried again once: a repeat is answered with the job that does
 * it, and should that fail too, that one is to be retried. So no answer is bought twice, also where a client repeats without an
 * Idempotency-Key.
 */
import { readJob } from '@sluice/ledger';
import type { JobHead } from '@sluice/ledger';
import { answerOnce } from '../answer-once.ts';
import type { Api } from '../api.ts';
import { refuse } from '../errors.ts';
import { findJob, noSuch } from '../find-job.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { checkAnyBody } from '../http/problem.ts';
import { jobReply } from '../job-reply.ts';
import { nextRetry } from '../next-retry.ts';
import { emptyRequest } from '../shapes/empty-request.ts';
import { submitJob } from '../submit-job.ts';

export async function retryJob(api: Api, request: ApiRequest): Promise<Reply> {
  const reply = await answerOnce(api, request, request.text, async () => {
    const { text } = await jobReply(api, await retryOnce(api, request));
    return JSON.parse(text) as object;
  });
  const made: unknown = 'text' in reply ? JSON.parse(reply.text) : 'body' in reply && reply.body;
  const { id } = made as { id: string };
  return { ...reply, status: 202, headers: { location: `/v1/jobs/${id}` } };
}

/** Terminal states never reopen: the new job names the old one in `retry_of`. */
async function retryOnce(api: Api, request: ApiRequest): Promise<JobHead> {
  checkAnyBody(emptyRequest, request.json);
  const { id, status } = await findJob(api, request.caller, request.params['id'] as string);
  if (status !== 'failed') {
    refuse('wrong_state', { values: { id, found: status, allowed: 'failed' } });
  }
  const next = await nextRetry(api, id);
  if (next.job !== null) return repeated(request, id, next.job);
  const old = (await readJob(api.ledger, id)) ?? noSuch('job', id);
  const order = {
    ...old,
    body: JSON.parse(old.body) as Record<string, unknown>,
    bodyText: old.body,
    within: 'body.' as const,
    deadlineMs: old.deadlineAt - old.createdAt,
    retryOf: old.id,
  };
  return submitJob(api, request, order, next.id);
}

function repeated({ marks }: ApiRequest, old: string, job: JobHead): JobHead {
  if (job.status === 'queued' || job.status === 'running') {
    marks['idempotent-replayed'] = 'true';
    return job;
  }
  const found = `retried already, as ${job.id}, which ${job.status}`;
  const allowed = job.status === 'failed' ? 'to retry that one' : 'to read that one';
  return refuse('wrong_state', { values: { id: old, found, allowed } });
}
