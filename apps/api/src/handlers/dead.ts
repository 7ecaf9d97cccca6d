/** /admin/dead: jobs out of attempts, and running them again, each as a new job of its tenant. */
import { readLines } from '@sluice/files';
import { isId, parseLineId } from '@sluice/job';
import { readBatch, readFile, readJob } from '@sluice/ledger';
import type { StoredBatch } from '@sluice/ledger';
import type { z } from 'zod';
import { answerOnce } from '../answer-once.ts';
import type { Api } from '../api.ts';
import { deadJobs, removeDead } from '../dead-jobs.ts';
import type { DeadJob } from '../dead-jobs.ts';
import { ApiError } from '../errors.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { ok } from '../http/message.ts';
import { checkBody } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { nextBatchRetry, nextRetry } from '../next-retry.ts';
import { deadQuery, replayRequest } from '../shapes/dead-request.ts';
import { submitJob } from '../submit-job.ts';
import type { JobOrder } from '../submit-job.ts';
import { noQuery } from './admin.ts';

/** Jobs that one replay takes; `has_more` says that there are more. */
const MOST = 1_000;
const DAY_MS = 86_400_000;

export async function listDead(api: Api, request: ApiRequest): Promise<Reply> {
  const { after, limit, ...filter } = readQuery(deadQuery, request.query);
  const data: object[] = [];
  let reached = after === undefined;
  for await (const dead of deadJobs(api, filter)) {
    if (!reached) reached = dead.id === after;
    else data.push(shown(dead));
    if (data.length > limit) break;
  }
  const page = data.slice(0, limit) as { id: string }[];
  return ok({
    object: 'list',
    data: page,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
    has_more: data.length > limit,
  });
}

const shown = ({ id, code, pool, diedAt }: DeadJob) => ({
  id,
  object: 'dead_job',
  code,
  pool,
  died_at: Math.floor(diedAt / 1000),
});

/**
 * A replay that was cut off is made again safely: a dead job becomes one new job, however often it is asked for, here or by
 * POST /v1/jobs/{id}/retry.
 */
export function replayDead(api: Api, request: ApiRequest): Promise<Reply> {
  readQuery(noQuery, request.query);
  const filter = checkBody(replayRequest, request.json);
  return answerOnce(api, request, request.text, () => replay(api, request, filter));
}

async function replay(
  api: Api,
  request: ApiRequest,
  filter: z.output<typeof replayRequest>,
): Promise<object> {
  const chosen: DeadJob[] = [];
  for await (const dead of deadJobs(api, filter)) {
    chosen.push(dead);
    if (chosen.length > MOST) break;
  }
  const batches = new LinesOfBatches(api, chosen.slice(0, MOST));
  const replayed: { id: string; job: string }[] = [];
  const skipped: { id: string; reason: string }[] = [];
  for (const id of missing(filter.ids ?? [], chosen)) {
    const job = await madeBefore(api, id);
    if (job === null) skipped.push({ id, reason: 'is not among the dead' });
    else replayed.push({ id, job });
  }
  for (const { id } of chosen.slice(0, MOST)) {
    const end = await replayOne(api, request, { id, batches });
    if ('job' in end) replayed.push({ id, job: end.job });
    else skipped.push({ id, reason: end.reason });
  }
  return { object: 'replay', replayed, skipped, has_more: chosen.length > MOST };
}

function missing(ids: readonly string[], found: readonly DeadJob[]): string[] {
  const there = new Set(found.map(({ id }) => id));
  return [...new Set(ids)].filter((id) => !there.has(id));
}

/** The job that runs it again already, as where the answer to an earlier replay never came; null = there is none. */
async function madeBefore(api: Api, id: string): Promise<string | null> {
  if (!isId('job', id) && parseLineId(id) === null) return null;
  return (await nextRetry(api, id)).job?.id ?? null;
}

async function replayOne(
  api: Api,
  request: ApiRequest,
  { id, batches }: { id: string; batches: LinesOfBatches },
): Promise<{ job: string } | { reason: string }> {
  const next = await nextRetry(api, id);
  if (next.job !== null) {
    await removeDead(api, id);
    return { job: next.job.id };
  }
  const old = parseLineId(id) ? await batches.order(id) : await jobOrder(api, id);
  if (old === 'open') return { reason: 'has not ended yet' };
  if (old === null) return { reason: 'its request is past its retention' };
  if ('triedBy' in old) {
    await removeDead(api, id);
    return { reason: `is tried again by ${old.triedBy}, the retry of its batch` };
  }
  const asItsTenant: ApiRequest = { ...request, caller: { id: old.tenant, pools: null } };
  try {
    const job = await submitJob(api, asItsTenant, old.order, next.id);
    await removeDead(api, id);
    return { job: job.id };
  } catch (error) {
    if (error instanceof ApiError) return { reason: error.message };
    throw error;
  }
}

/** The batch that has a line of another. */
interface Tried {
  triedBy: string;
}

interface Order {
  tenant: string;
  order: JobOrder;
}

/** `open`: it is among the dead a moment before its record says so. */
async function jobOrder(api: Api, id: string): Promise<Order | 'open' | null> {
  const old = await readJob(api.ledger, id);
  if (old === null) return null;
  if (old.status === 'queued' || old.status === 'running') return 'open';
  const order: JobOrder = {
    ...old,
    body: JSON.parse(old.body) as Record<string, unknown>,
    bodyText: old.body,
    within: 'body.',
    deadlineMs: old.deadlineAt - old.createdAt,
    retryOf: id,
  };
  return { tenant: old.tenant, order };
}

/** The requests of batch lines, read from each input file once. */
class LinesOfBatches {
  readonly #api: Api;
  readonly #wanted = new Map<string, Set<number>>();
  readonly #read = new Map<string, Promise<Tried | Map<number, Order>>>();

  constructor(api: Api, dead: readonly DeadJob[]) {
    this.#api = api;
    for (const { id } of dead) {
      const line = parseLineId(id);
      if (!line) continue;
      const lines = this.#wanted.get(line.batchId) ?? new Set();
      this.#wanted.set(line.batchId, lines.add(line.line));
    }
  }

  async order(id: string): Promise<Order | Tried | null> {
    const at = parseLineId(id);
    if (!at) return null;
    const reading = this.#read.get(at.batchId) ?? this.#readBatch(at.batchId);
    this.#read.set(at.batchId, reading);
    const found = await reading;
    return found instanceof Map ? (found.get(at.line) ?? null) : found;
  }

  async #readBatch(id: string): Promise<Tried | Map<number, Order>> {
    const { batch: retry } = await nextBatchRetry(this.#api, id);
    if (retry !== null) return { triedBy: retry.id };
    const orders = new Map<number, Order>();
    const batch = await readBatch(this.#api.ledger, id);
    const file = batch && (await readFile(this.#api.ledger, batch.inputFileId));
    if (!batch || !file) return orders;
    const wanted = this.#wanted.get(id) ?? new Set();
    const input = this.#api.store.read(file.storeName);
    for await (const lines of readLines(input, { checkUtf8: false }))
      for (const { line, bytes } of lines)
        if (wanted.has(line)) orders.set(line, lineOrder(batch, line, bytes));
    return orders;
  }
}

function lineOrder(batch: StoredBatch, line: number, bytes: Buffer): Order {
  const { custom_id: customId, body } = JSON.parse(bytes.toString()) as {
    custom_id: string;
    body: Record<string, unknown> & { model: string };
  };
  const order: JobOrder = {
    model: body.model,
    endpoint: batch.endpoint,
    body,
    bodyText: JSON.stringify(body),
    within: 'body.',
    priority: batch.priority,
    deadlineMs: DAY_MS,
    maxTier: batch.maxTier,
    affinityKey: null,
    webhookUrl: null,
    metadata: { custom_id: customId },
    retryOf: `${batch.id}.${line}`,
  };
  return { tenant: batch.tenant, order };
}
