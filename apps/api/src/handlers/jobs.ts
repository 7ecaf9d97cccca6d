/** Reading, cancelling and deleting jobs. A batch's lines are read here too, as `{batch_id}.{line}`. */
import { isTerminal, parseLineId } from '@sluice/job';
import { deleteJob, endJob, jobText, readJobHead, siftJobs } from '@sluice/ledger';
import type { JobHead } from '@sluice/ledger';
import type { Api } from '../api.ts';
import { refuse } from '../errors.ts';
import { findJob, noSuch } from '../find-job.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { maySee, ok } from '../http/message.ts';
import { checkAnyBody } from '../http/problem.ts';
import { readGroup, readQuery } from '../http/query.ts';
import { newId } from '../idempotency.ts';
import { jobReply, wholeJob } from '../job-reply.ts';
import { listPage } from '../listing.ts';
import type { ListObject } from '../listing.ts';
import { HEARTBEAT, HEARTBEAT_MS, eventOf, eventReply } from '../server-sent-events.ts';
import { emptyRequest } from '../shapes/empty-request.ts';
import { jobsQuery, waitQuery } from '../shapes/job-request.ts';
import { changesOf, waitForJob } from '../wait-for.ts';
import { atGate, publicWaiting, whyFull, whyHeld, whyWaiting } from '../waiting.ts';
import type { Waiting } from '../waiting.ts';
import { readLine } from './batch-line.ts';

export async function getJob(api: Api, request: ApiRequest): Promise<Reply> {
  const id = request.params['id'] as string;
  const { wait_ms: waitMs = 0 } = readQuery(waitQuery, request.query);
  const line = parseLineId(id);
  if (line) return { status: 200, text: await readLine(api, request, { ...line, waitMs }) };
  const job = await findJob(api, request.caller, id);
  if (isTerminal(job.status) || waitMs === 0) return showJob(api, job);
  const later = await waitForJob(api, id, { waitMs, signal: request.signal });
  return showJob(api, later ?? noSuch('job', id));
}

/** The job, and why it waits where nothing can run it, its tenant may send no more or a worker that has it may not call yet. */
async function showJob(api: Api, job: JobHead): Promise<Reply> {
  const waits = job.status === 'queued' || job.atGate;
  const waiting = waits ? await waitingOf(api, job) : null;
  return jobReply(api, job, waiting ? { waiting } : {});
}

/** What has a place on a deployment's queue waits for no limit of its tenant any more. */
async function waitingOf(api: Api, job: JobHead): Promise<Waiting | null> {
  const stuck = await whyWaiting(api, job, [job.shape]);
  if (stuck !== null) return publicWaiting(stuck);
  const held = job.deployment === null ? await whyHeld(api, job.tenant) : null;
  return held ?? (await whyFull(api, job)) ?? (job.atGate ? atGate(job.deployment) : null);
}

export async function listJobs(api: Api, request: ApiRequest): Promise<Reply> {
  const query = readQuery(jobsQuery, request.query, 'metadata');
  const metadata = readGroup(request.query, 'metadata');
  const filter = { status: query.status, model: query.model, metadata };
  const matches = (job: JobHead): boolean =>
    (query.status === undefined || job.status === query.status) &&
    (query.model === undefined || job.model === query.model) &&
    [...metadata].every(([key, value]) => job.metadata[key] === value);
  const page = await listPage(api.ledger, request, {
    kind: 'jobs',
    order: 'desc',
    after: query.after,
    limit: query.limit,
    sift: (ids) => siftJobs(api.ledger, ids, filter),
    read: async (id) => {
      const job = await readJobHead(api.ledger, id, { upTo: 0 });
      return job !== null && maySee(request.caller, job.tenant) && matches(job) ? job : null;
    },
  });
  return { status: 200, text: await listText(api, page) };
}

/** The rows that are shown get their answers, as far as these are small; the others say where they are. */
async function listText({ ledger }: Api, page: ListObject<JobHead>): Promise<string> {
  const rows: string[] = [];
  for (const job of page.data) {
    const body = job.result?.body;
    // Not all at once: a page of answers must not hold up what others ask for.
    const shown = body === null ? ((await readJobHead(ledger, job.id)) ?? job) : job;
    rows.push(jobText(shown));
  }
  return JSON.stringify({ ...page, data: [] }).replace(
    '"data":[]',
    () => `"data":[${rows.join()}]`,
  );
}

/** Aborts a call in flight; the cost of a late answer is still recorded. What has ended, also by a cancel before, is a conflict. */
export async function cancelJob(api: Api, request: ApiRequest): Promise<Reply> {
  checkAnyBody(emptyRequest, request.json);
  const { id } = await findJob(api, request.caller, request.params['id'] as string);
  const ended = await endNow(api, id, 'cancelled by its owner');
  const job = (await readJobHead(api.ledger, id)) ?? noSuch('job', id);
  if (ended === 'had_ended') {
    refuse('wrong_state', { values: { id, found: job.status, allowed: 'queued, running' } });
  }
  return jobReply(api, job);
}

/** Cancels a job, whoever asks; with `onlyEpoch` only while it is there and not being called. */
export const endNow = (
  api: Api,
  id: string,
  message: string,
  onlyEpoch?: number,
): ReturnType<typeof endJob> =>
  endJob(api.ledger, id, {
    ...(onlyEpoch === undefined ? {} : { onlyEpoch }),
    status: 'cancelled',
    now: api.clock.now(),
    message,
    eventId: newId('evt'),
    keepSeconds: Math.ceil(api.settings.retention.jobsMs / 1000),
  });

export async function removeJob(api: Api, request: ApiRequest): Promise<Reply> {
  const { id, status } = await findJob(api, request.caller, request.params['id'] as string);
  const deleted = await deleteJob(api.ledger, id);
  if (deleted === 'open') {
    const allowed = 'an ended job (cancel it first)';
    refuse('wrong_state', { values: { id, found: status, allowed } });
  }
  if (deleted === 'missing') noSuch('job', id);
  return ok({ id, object: 'job', deleted: true });
}

export async function jobEvents(api: Api, request: ApiRequest): Promise<Reply> {
  const { id } = await findJob(api, request.caller, request.params['id'] as string);
  return eventReply(eventsOf(api, id, request.signal));
}

/** One event per state, the present one first; ends with the job. */
async function* eventsOf(api: Api, id: string, signal: AbortSignal): AsyncGenerator<string> {
  let told = '';
  for await (const { quiet } of changesOf(api.watch, id, { signal, everyMs: HEARTBEAT_MS })) {
    const job = await api.reads.head(id);
    if (job === null) return;
    const state = `${job.status} ${job.attempts.length}`;
    if (state !== told) yield eventOf(`job.${job.status}`, jobText(await wholeJob(api, job)));
    else if (quiet) yield HEARTBEAT;
    told = state;
    if (isTerminal(job.status)) return;
  }
}
