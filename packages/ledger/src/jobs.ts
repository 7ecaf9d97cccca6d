/**
 * Single jobs. The record is the truth about a job: accepted by one script, moved by fenced compare-and-sets
 * (placing.ts, calling.ts), ended once. Times inside are Unix milliseconds; the public job has seconds.
 */
import type { Attempt, Endpoint, JobErrorCode, JobStatus, Priority, Shape } from '@sluice/job';
import { slotOf } from '@sluice/job';
import { acceptRecord } from './accepting.ts';
import type { Accepted, Idempotency } from './accepting.ts';
import { LARGE_BYTES } from './large-texts.ts';
import { backlogMember, shareKey } from './backlog.ts';
import { run } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { unlist } from './lists.ts';
import { rulesOf, usageKey } from './usage.ts';

export interface NewJob {
  id: string;
  tenant: string;
  /** The pool that will run it, or `deployment/<id>`. */
  pool: string;
  /** The model as the client named it. */
  model: string;
  endpoint: Endpoint;
  priority: Priority;
  createdAt: number;
  deadlineAt: number;
  /** The request in OpenAI's format, as JSON text. */
  body: string;
  shape: Shape;
  /** Bit per wire format that can say it (see formats.ts of the config package). */
  formats: number;
  maxTier: number | null;
  affinityKey: string | null;
  /** What keeps it together with others on one deployment: its owner, and a digest of how its prompt begins. */
  keptBy?: { owner: string | null; prefix: string | null };
  webhookUrl: string | null;
  metadata: Record<string, string>;
  retryOf: string | null;
}

export interface StoredJob extends NewJob {
  status: JobStatus;
  startedAt: number | null;
  endedAt: number | null;
  epoch: number;
  deployment: string | null;
  tier: number;
  attempts: Attempt[];
  /** Attempts that count against `retry.max_attempts`. */
  tries: number;
  costUsd: number | null;
  result: { statusCode: number; body: string } | null;
  error: { code: JobErrorCode; message: string } | null;
}

function recordOf(job: NewJob): Record<string, string | number | null> {
  return {
    status: 'queued',
    epoch: 0,
    tenant: job.tenant,
    pool: job.pool,
    model: job.model,
    endpoint: job.endpoint,
    priority: job.priority,
    created: job.createdAt,
    deadline: job.deadlineAt,
    body: job.body,
    characters: job.shape.characters,
    max_output: job.shape.maxOutput,
    inputs: job.shape.inputs,
    formats: job.formats,
    max_tier: job.maxTier,
    affinity: job.affinityKey,
    ...(job.keptBy && { owner: job.keptBy.owner, prefix: job.keptBy.prefix }),
    webhook: job.webhookUrl,
    metadata: JSON.stringify(job.metadata),
    retry_of: job.retryOf,
    tries: 0,
  };
}

/**
 * Accepts a job: after this returns, it will reach a terminal state. With an idempotency key the id's slot must be
 * the key's (`makeSiblingId`, or an id made for `idempotency.slot`). `checkAt`: when the sweeper looks whether it was queued.
 * `window`: so many of its share may be on the queue, per slot; absent = any number.
 */
export async function acceptJob(
  ledger: Ledger,
  job: NewJob,
  options: { checkAt: number; idempotency: Idempotency | null; window?: number },
): Promise<Accepted> {
  const { keys } = ledger;
  const slot = slotOf(job.id);
  const record = {
    id: job.id,
    key: keys.job(job.id),
    fields: recordOf(job),
    createdAt: job.createdAt,
    due: { key: keys.check(slot), at: Math.min(options.checkAt, job.deadlineAt) },
    list: { kind: 'jobs' as const, tenant: job.tenant },
    idempotency: options.idempotency,
    backlog: {
      key: keys.backlog(slot),
      pools: keys.backlogPools(slot),
      share: shareKey(job),
      member: backlogMember(job),
      window: options.window ?? Number.MAX_SAFE_INTEGER,
      deadlineAt: job.deadlineAt,
    },
  };
  if (job.body.length <= LARGE_BYTES) return acceptRecord(ledger, record);
  return ledger.large.run((redis) => acceptRecord({ ...ledger, redis }, record));
}

export interface Ending {
  status: 'cancelled' | 'expired';
  now: number;
  message: string;
  eventId: string;
  keepSeconds: number;
  /** Only if the job is in this epoch and no call of it is leased. */
  onlyEpoch?: number;
}

/**
 * Ends a job that has no answer: cancelled (a call in flight is aborted; a late answer's cost is still kept) or expired.
 * `busy`: only with `onlyEpoch`: it moved on or is being called.
 */
export async function endJob(
  ledger: Ledger,
  id: string,
  ending: Ending,
): Promise<'ended' | 'had_ended' | 'missing' | 'busy'> {
  const { keys } = ledger;
  const slot = slotOf(id);
  const event = { id: ending.eventId, type: `job.${ending.status}`, subject: id, at: ending.now };
  const reply = await run(
    ledger,
    'end-job',
    [
      keys.job(id),
      keys.check(slot),
      keys.outbox(slot),
      keys.backlog(slot),
      usageKey(ledger, slot, ending.now),
      keys.listeners(slot),
      keys.backlogPools(slot),
    ],
    [
      id,
      ending.status,
      ending.now,
      JSON.stringify({ code: ending.status, message: ending.message }),
      JSON.stringify(event),
      ending.keepSeconds,
      keys.changes,
      keys.aborts,
      ending.onlyEpoch ?? '',
      rulesOf(ledger),
      ending.eventId,
    ],
  );
  const answers = { '1': 'ended', '0': 'had_ended', '-1': 'missing', '-2': 'busy' } as const;
  return answers[String(reply) as keyof typeof answers];
}

/** Deletes an ended job. `open`: it has not ended (cancel it first). */
export async function deleteJob(
  ledger: Ledger,
  id: string,
): Promise<'deleted' | 'open' | 'missing'> {
  const key = ledger.keys.job(id);
  const [status, tenant] = await ledger.redis.hmget(key, 'status', 'tenant');
  if (!status) return 'missing';
  if (status === 'queued' || status === 'running') return 'open';
  await unlist(ledger, { kind: 'jobs', tenant: tenant ?? '' }, { ids: [id], alsoDelete: [key] });
  return 'deleted';
}
