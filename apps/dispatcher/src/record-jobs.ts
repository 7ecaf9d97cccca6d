/** Records outcomes of single jobs: success or final failure ends the job, anything else sends it to its fallback queue. */
import { randomBytes } from 'node:crypto';
import type { Queue } from 'bullmq';
import { makeId } from '@sluice/job';
import type { Fleet } from '@sluice/job';
import { addSpending, decodeOutcomes, recordJob } from '@sluice/ledger';
import type { JobRecord, Ledger, OutcomeMeta, StreamOutcome } from '@sluice/ledger';
import { entryJobId } from '@sluice/queues';
import type { EntryData } from '@sluice/queues';
import { spentAttempts } from '@sluice/retry';
import { sumsOf } from './batch-sums.ts';
import { addDead, removeDead } from './dead.ts';
import type { Dead, DeadPorts } from './dead.ts';
import type { DispatcherEvents } from './events.ts';
import { bandOf, CHECK_PLACED_MS } from './run-entry.ts';
import { verdictOf } from './verdict.ts';
import type { Backoff, RetryBudgets, Verdict } from '@sluice/retry';

export interface RecordJobsPorts {
  ledger: Ledger;
  fleet: Fleet;
  holder: string;
  maxAttempts: number;
  backoff: Backoff;
  retries: RetryBudgets;
  /** How long an ended job can be read, s. */
  keepSeconds: number;
  /** The same for one that is out of attempts: it may be replayed. */
  keepDeadSeconds: number;
  fallbackQueue: (pool: string) => Queue<EntryData>;
  deadQueue: DeadPorts['deadQueue'];
  events: DispatcherEvents;
  /** A call of a job has ended and is recorded. */
  onEnded: (id: string, meta: OutcomeMeta) => void;
  /** The same, unless it was recorded before. */
  onCalls: (metas: readonly OutcomeMeta[]) => void;
  /** One of a tenant was answered with so many output tokens. */
  onAnswer: (of: { pool: string; tenant: string }, tokens: number) => void;
  now: () => number;
  random: () => number;
}

/** False when another dispatcher records one of these slots now. */
export async function recordJobs(
  ports: RecordJobsPorts,
  outcomes: readonly StreamOutcome[],
): Promise<boolean> {
  const answers = await Promise.all(outcomes.map((outcome) => recordOne(ports, outcome)));
  return answers.every(Boolean);
}

interface JobFacts {
  tenant: string;
  pool: string;
  priority: string;
  deadlineAt: number;
  maxTier: number | null;
  attempts: string;
  /** The epoch that a failure must be of to decide anything; null = the job has ended. */
  openEpoch: number | null;
}

async function recordOne(ports: RecordJobsPorts, outcome: StreamOutcome): Promise<boolean> {
  const [item] = decodeOutcomes(outcome.fields);
  if (!item) return true;
  const { meta, raw } = item;
  ports.retries.called(meta.deployment, ports.now());
  const facts = meta.outcome === 'ok' ? null : await readFacts(ports.ledger, outcome.id);
  const whole = facts ? withHistory(meta, facts) : meta;
  const verdict = facts ? judge(ports, whole, facts) : null;
  const record = recordOf(ports, { outcome, meta, raw, verdict, whole });
  const dead = deadOf(outcome, { meta, verdict, facts });
  const told = await addDead(ports, dead);
  const recorded = await recordJob(ports.ledger, record);
  // It stays among the dead, where whoever records it now finds it.
  if (recorded.kind === 'not_recorder') return false;
  if (recorded.kind === 'kept') await Promise.all(dead.map(({ id }) => removeDead(ports, id)));
  else if (!told) await addDead(ports, dead);
  ports.onEnded(outcome.id, meta);
  if (recorded.kind !== 'before') {
    ports.retries.calledFor(recorded.tenant, 1, ports.now());
    spend(ports, recorded.tenant, meta.costUsd ?? 0);
    ports.onCalls([meta]);
    if (meta.outcome === 'ok' && meta.usage) ports.onAnswer(recorded, meta.usage.output_tokens);
  }
  if (recorded.kind === 'applied' && verdict && facts) {
    await follow(ports, { id: outcome.id, epoch: recorded.epoch }, { verdict, facts, meta: whole });
  }
  return true;
}

/** Itself, if this failure ends it for want of attempts. */
function deadOf(
  { id, epoch }: StreamOutcome,
  about: { meta: OutcomeMeta; verdict: Verdict | null; facts: JobFacts | null },
): Dead[] {
  const { meta, verdict, facts } = about;
  if (verdict?.kind !== 'dead' || facts?.openEpoch !== epoch) return [];
  return [{ id, code: meta.outcome, pool: facts.pool }];
}

/** A tenant's limit in dollars may miss what Redis did not take; records and sums do not. */
function spend({ ledger, now }: RecordJobsPorts, tenant: string, usd: number): void {
  addSpending(ledger, tenant, { usd, now: now() }).catch(() => undefined);
}

/** The history stands in the record; the worker sent only the newest attempts. */
const withHistory = (meta: OutcomeMeta, facts: JobFacts): OutcomeMeta => ({
  ...meta,
  attempts: [...(JSON.parse(`[${facts.attempts}]`) as OutcomeMeta['attempts']), ...meta.attempts],
});

const judge = (ports: RecordJobsPorts, meta: OutcomeMeta, facts: JobFacts): Verdict =>
  verdictOf(
    meta,
    {
      ...facts,
      fleet: ports.fleet,
      maxAttempts: ports.maxAttempts,
      backoff: ports.backoff,
      now: ports.now(),
      retries: ports.retries,
    },
    ports.random,
  );

interface Judged {
  outcome: StreamOutcome;
  meta: OutcomeMeta;
  raw: Buffer;
  verdict: Verdict | null;
  whole: OutcomeMeta;
}

const NEXT = { dead: 'failed', fail: 'failed', expire: 'expired', retry: 'retry' } as const;

function recordOf(ports: RecordJobsPorts, judged: Judged): JobRecord {
  const { outcome, meta, verdict } = judged;
  const notBefore = verdict?.kind === 'retry' ? verdict.notBeforeMs : ports.now();
  return {
    id: outcome.id,
    streamId: outcome.streamId,
    epoch: outcome.epoch,
    holder: ports.holder,
    attempts: JSON.stringify(meta.attempts).slice(1, -1),
    next: verdict ? NEXT[verdict.kind] : 'succeeded',
    now: ports.now(),
    keepSeconds: verdict?.kind === 'dead' ? ports.keepDeadSeconds : ports.keepSeconds,
    eventId: makeId('evt', randomBytes(16)),
    checkAt: notBefore + CHECK_PLACED_MS,
    used: { ...sumsOf(ports.fleet, [meta]), deployment: meta.deployment },
    set: fieldsFor(judged),
  };
}

function fieldsFor({ meta, raw, verdict, whole }: Judged): JobRecord['set'] {
  if (verdict?.kind === 'retry') {
    return {
      exclude: JSON.stringify(verdict.exclude),
      min_tier: verdict.minTier,
      not_before: verdict.notBeforeMs,
      tries: spentAttempts(whole.attempts),
      since: meta.endedAt,
      deployment: '',
    };
  }
  const result =
    meta.statusCode === null ? {} : { result_status: meta.statusCode, result_body: raw.toString() };
  if (meta.outcome === 'ok') return result;
  const message = meta.message ?? 'the call got no answer';
  return {
    ...result,
    error: JSON.stringify({ code: meta.outcome, message }),
    tries: spentAttempts(whole.attempts),
  };
}

/** What goes on a queue after the record says so. A crash in between is repaired by the sweeper. */
async function follow(
  ports: RecordJobsPorts,
  data: EntryData,
  { verdict, facts, meta }: { verdict: Verdict; facts: JobFacts; meta: OutcomeMeta },
): Promise<void> {
  const job = { job: data.id, code: meta.outcome, attempts: meta.attempts.length };
  try {
    if (verdict.kind === 'retry') await queueRetry(ports, data, { facts, at: verdict.notBeforeMs });
    else if (verdict.kind === 'dead')
      ports.events.jobDead({ ref: data.id, code: meta.outcome, attempts: meta.attempts.length });
    else ports.events.jobFailed(job);
  } catch (error) {
    ports.events.failed({ what: 'queueing after an outcome', error: String(error) });
  }
}

async function queueRetry(
  ports: RecordJobsPorts,
  data: EntryData,
  { facts, at }: { facts: JobFacts; at: number },
): Promise<void> {
  const delay = Math.max(0, Math.ceil(at - ports.now()));
  const options = { jobId: entryJobId(data), priority: bandOf(facts.priority), delay };
  await ports.fallbackQueue(facts.pool).add('retry', data, options);
}

async function readFacts(ledger: Ledger, id: string): Promise<JobFacts | null> {
  const [tenant, pool, priority, deadline, maxTier, attempts, status, epoch] =
    await ledger.redis.hmget(
      ledger.keys.job(id),
      'tenant',
      'pool',
      'priority',
      'deadline',
      'max_tier',
      'attempts',
      'status',
      'epoch',
    );
  if (!pool) return null;
  return {
    tenant: tenant ?? '',
    pool,
    priority: priority ?? 'normal',
    deadlineAt: Number(deadline),
    maxTier: maxTier ? Number(maxTier) : null,
    attempts: attempts ?? '',
    openEpoch: status === 'queued' || status === 'running' ? Number(epoch) : null,
  };
}
