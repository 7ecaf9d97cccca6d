/** Reading single jobs. What is asked for often comes without the large texts: those have a connection of their own. */
import { costOfAttempts, jobJson } from '@sluice/job';
import type { Attempt, Endpoint, Job, JobStatus, Priority, RawResult } from '@sluice/job';
import type { NewJob, StoredJob } from './jobs.ts';
import { LARGE_BYTES } from './large-texts.ts';
import { run } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { hashOf, nullable, nullableNumber, numberOf } from './reply.ts';

/** A job without its request. A result whose `body` is null has one that was left out for its size. */
export type JobHead = Omit<StoredJob, 'body' | 'result'> & {
  result: RawResult | null;
  /** A worker has it, and its call waits for a booking: as of some seconds ago. */
  atGate: boolean;
};

/** The whole record, or null when there is no such job (never was, deleted, or past its retention). */
export async function readJob(ledger: Ledger, id: string): Promise<StoredJob | null> {
  const key = ledger.keys.job(id);
  const hash = hashOf(await ledger.large.run((redis) => redis.hgetall(key)));
  if (!hash?.['status']) return null;
  const head = headOf(id, hash);
  const result = head.result && { ...head.result, body: hash['result_body'] ?? 'null' };
  return { ...head, body: hash['body'] ?? '{}', result };
}

/** Without the request, and without an answer that is larger than `upTo` bytes. Null as for {@link readJob}. */
export async function readJobHead(
  ledger: Ledger,
  id: string,
  { upTo = LARGE_BYTES }: { upTo?: number } = {},
): Promise<JobHead | null> {
  const reply = (await run(ledger, 'read-job', [ledger.keys.job(id)], [upTo])) as string[];
  const hash: Record<string, string> = {};
  for (let i = 0; i < reply.length; i += 2) hash[reply[i] as string] = reply[i + 1] as string;
  return hash['status'] ? headOf(id, hash) : null;
}

/** The same job with its answer, however large; null when it has gone meanwhile. */
export async function withResult(ledger: Ledger, job: JobHead): Promise<JobHead | null> {
  if (job.result === null || job.result.body !== null) return job;
  const key = ledger.keys.job(job.id);
  const body = await ledger.large.run((redis) => redis.hget(key, 'result_body'));
  return body === null ? null : { ...job, result: { ...job.result, body } };
}

function headOf(id: string, hash: Record<string, string>): JobHead {
  const attempts = JSON.parse(`[${hash['attempts'] ?? ''}]`) as Attempt[];
  return {
    ...requestOf(id, hash),
    status: hash['status'] as JobStatus,
    startedAt: nullableNumber(hash['started']),
    endedAt: nullableNumber(hash['ended']),
    epoch: numberOf(hash['epoch']),
    deployment: nullable(hash['deployment']),
    tier: numberOf(hash['tier'], 1),
    attempts,
    tries: numberOf(hash['tries']),
    costUsd: costOfAttempts(attempts),
    result: resultOf(hash),
    atGate: hash['status'] === 'running' && hash['gate'] === '1',
    error: hash['error'] ? (JSON.parse(hash['error']) as StoredJob['error']) : null,
  };
}

function resultOf(hash: Record<string, string>): RawResult | null {
  if (!hash['result_status']) return null;
  const body = hash['left_out'] ? null : (hash['result_body'] ?? 'null');
  return { statusCode: Number(hash['result_status']), body };
}

function requestOf(id: string, hash: Record<string, string>): Omit<NewJob, 'body'> {
  return {
    id,
    tenant: hash['tenant'] ?? '',
    pool: hash['pool'] ?? '',
    model: hash['model'] ?? '',
    endpoint: hash['endpoint'] as Endpoint,
    priority: hash['priority'] as Priority,
    createdAt: numberOf(hash['created']),
    deadlineAt: numberOf(hash['deadline']),
    shape: {
      characters: numberOf(hash['characters']),
      maxOutput: nullableNumber(hash['max_output']),
      inputs: numberOf(hash['inputs'], 1),
    },
    formats: numberOf(hash['formats']),
    maxTier: nullableNumber(hash['max_tier']),
    affinityKey: nullable(hash['affinity']),
    webhookUrl: nullable(hash['webhook']),
    metadata: JSON.parse(hash['metadata'] || '{}') as Record<string, string>,
    retryOf: nullable(hash['retry_of']),
  };
}

const seconds = (ms: number): number => Math.floor(ms / 1000);

/** The job as the API shows it, as JSON text. */
export const jobText = (job: JobHead, more: Pick<Job, 'waiting'> = {}): string =>
  jobJson({ ...shownHead(job), ...more }, job.result);

const shownHead = (job: JobHead): Omit<Job, 'result'> => ({
  id: job.id,
  object: 'job',
  tenant: job.tenant,
  status: job.status,
  model: job.model,
  endpoint: job.endpoint,
  priority: job.priority,
  created_at: seconds(job.createdAt),
  started_at: job.startedAt === null ? null : seconds(job.startedAt),
  ended_at: job.endedAt === null ? null : seconds(job.endedAt),
  deadline_at: seconds(job.deadlineAt),
  attempts: job.attempts,
  error: job.error,
  cost_usd: job.costUsd,
  metadata: job.metadata,
  retry_of: job.retryOf,
});
