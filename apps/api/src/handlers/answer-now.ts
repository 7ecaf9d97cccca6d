/** The synchronous endpoints: an interactive job, waited for; the provider's status and body are the answer. */
import { setTimeout as delay } from 'node:timers/promises';
import { isTerminal } from '@sluice/job';
import type { Endpoint } from '@sluice/job';
import type { JobHead } from '@sluice/ledger';
import { z } from 'zod';
import type { Api } from '../api.ts';
import { ApiError, envelope, refuse } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { noSuch } from '../find-job.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { checkBody } from '../http/problem.ts';
import { isStoreAway } from '../http/redis-errors.ts';
import { hasKey } from '../idempotency.ts';
import { model } from '../shapes/fields.ts';
import { wholeJob } from '../job-reply.ts';
import { submitJob } from '../submit-job.ts';
import { waitForJob } from '../wait-for.ts';
import { inWords, untilStuck } from '../waiting.ts';
import type { Stuck } from '../waiting.ts';
import { endNow } from './jobs.ts';

/** What the SDKs wait by default: nobody waits longer for the answer. */
const DEADLINE_MS = 600_000;

export const modelledBody = z.looseObject({ model });

/** A client that goes away cancels its job; with an Idempotency-Key it may come back for the answer, so then not. */
export const answerNow =
  (endpoint: Endpoint) =>
  async (api: Api, request: ApiRequest): Promise<Reply> => {
    const { model: name } = checkBody(modelledBody, request.json);
    const { id } = await submitJob(api, request, {
      model: name,
      endpoint,
      body: request.json as Record<string, unknown>,
      bodyText: request.text,
      within: '',
      priority: 'interactive',
      deadlineMs: DEADLINE_MS,
      maxTier: null,
      affinityKey: null,
      webhookUrl: null,
      metadata: {},
      retryOf: null,
    });
    return answerSurely(api, request, id);
  };

/** Looked at again after so long where it could not be read. */
const READ_AGAIN_MS = 500;

/**
 * It is accepted by now: an error on which a client asks again would buy the answer twice. So where Redis is lost it is waited for
 * as long as for the answer itself.
 */
async function answerSurely(api: Api, request: ApiRequest, id: string): Promise<Reply> {
  const { signal } = request;
  const until = request.now + DEADLINE_MS + 5_000;
  for (;;) {
    try {
      return await answerOnceEnded(api, request, { id, until });
    } catch (error) {
      if (!isStoreAway(error)) throw error;
      if (signal.aborted || api.clock.now() >= until) throw pending(id, request, error);
    }
    await delay(READ_AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
}

const pending = (id: string, request: ApiRequest, cause: unknown): ApiError =>
  new ApiError('answer_pending', {
    cause,
    values: { id, reason: 'the ledger (Redis) cannot be reached' },
    headers: { 'x-sluice-job-id': id, 'x-should-retry': String(hasKey(request)) },
  });

async function answerOnceEnded(api: Api, request: ApiRequest, sought: Sought): Promise<Reply> {
  const { id } = sought;
  const job = await answerOrStuck(api, request, sought);
  const stopping = api.stopping.aborted;
  const mayReturn = hasKey(request);
  const { aborted } = request.signal;
  if (aborted && !stopping && !mayReturn) await endNow(api, id, 'its client went away');
  return answerOf(await wholeJob(api, job ?? noSuch('job', id)), { stopping, mayReturn });
}

interface Sought {
  id: string;
  /** For how long it is waited for, Unix ms by Redis's clock. */
  until: number;
}

/** Without any usable deployment a client is told so after this long. */
const PATIENCE_MS = 10_000;

/** The job once it has ended, or as it stands when the client leaves. Throws 503 when nothing can run it. */
async function answerOrStuck(
  api: Api,
  request: ApiRequest,
  { id, until }: Sought,
): Promise<JobHead | null> {
  for (;;) {
    const looking = new AbortController();
    const stop = new AbortController();
    const waiting = AbortSignal.any([request.signal, stop.signal]);
    const options = { patienceMs: PATIENCE_MS, signal: AbortSignal.any([waiting, looking.signal]) };
    const stuck = untilStuck(api, id, options).finally(() => stop.abort());
    const waitMs = Math.max(0, until - api.clock.now());
    const waited = waitForJob(api, id, { waitMs, signal: waiting });
    const job = await waited.finally(() => looking.abort());
    const why = await stuck;
    if (why === null || job?.status !== 'queued') return job;
    const now = api.clock.now();
    if (await leave(api, request, job)) refuseStuck(job, why, { goesOn: hasKey(request), now });
  }
}

/** Who may come back finds the job; without a key nobody would, so it ends. False: it is being called by now. */
async function leave(api: Api, request: ApiRequest, { id, epoch }: JobHead): Promise<boolean> {
  if (hasKey(request)) return true;
  const ended = await endNow(api, id, 'no deployment could run it', epoch);
  return ended === 'ended';
}

function refuseStuck(
  job: JobHead,
  why: Stuck,
  { goesOn, now }: { goesOn: boolean; now: number },
): never {
  const seconds = why.againAt === null ? 10 : Math.ceil((why.againAt - now) / 1_000);
  const fate = goesOn ? 'goes on: the same Idempotency-Key waits for it again' : 'was cancelled';
  return refuse('no_usable_deployment', {
    values: { pool: job.pool, reason: inWords(why), id: job.id, fate },
    headers: {
      'x-sluice-job-id': job.id,
      'retry-after': String(Math.min(60, Math.max(1, seconds))),
    },
  });
}

interface Why {
  stopping: boolean;
  /** The same request again finds this job instead of making another. */
  mayReturn: boolean;
}

function answerOf(job: JobHead, why: Why): Reply {
  const cap = job.attempts.at(-1)?.output_cap;
  const headers = {
    'x-sluice-job-id': job.id,
    ...(cap !== undefined && { 'x-sluice-output-cap': String(cap) }),
  };
  const { result } = job;
  if (result !== null && result.body !== null) {
    const final = job.status === 'failed' ? FINAL : {};
    return { status: result.statusCode, headers: { ...headers, ...final }, text: result.body };
  }
  const error = isTerminal(job.status) ? errorOf(job) : stillOpen(job, why);
  return {
    status: statusOf(job, error),
    headers: { ...headers, ...error.headers },
    body: {
      error: { ...envelope(error).error, code: job.error?.code ?? error.code },
    },
  };
}

/** Tried as often as is worth it: an SDK that goes by the provider's status would buy the same failures again. */
const FINAL = { 'x-should-retry': 'false' };

function errorOf(job: JobHead): ApiError {
  const codes: Partial<Record<JobHead['status'], ErrorCode>> = {
    cancelled: 'job_cancelled',
    expired: 'job_expired',
    failed: 'job_failed',
  };
  const reason = job.error?.message ?? job.status;
  return new ApiError(codes[job.status] ?? 'job_failed', { values: { id: job.id, reason } });
}

/** The job goes on without anyone waiting. Sent again without a key, the request would buy the answer twice. */
const stillOpen = ({ id }: JobHead, { stopping, mayReturn }: Why): ApiError =>
  new ApiError('answer_pending', {
    values: { id, reason: stopping ? 'this process is stopping' : 'its time was up' },
    headers: { 'x-should-retry': String(mayReturn) },
  });

const STATUSES: Partial<Record<string, number>> = {
  rate_limited: 429,
  overloaded: 503,
  timeout: 504,
};

const statusOf = (job: JobHead, error: ApiError): number =>
  (job.status === 'failed' ? STATUSES[job.error?.code ?? ''] : undefined) ?? error.status;
