/**
 * Batches. The record holds the request, the state, the counters and one cursor per class; lines stay in the file store.
 * Times inside are Unix milliseconds.
 */
import type { Endpoint, Priority } from '@sluice/job';
import { slotOf } from '@sluice/job';
import { acceptRecord } from './accepting.ts';
import type { Accepted, Idempotency } from './accepting.ts';
import { run } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { unlist } from './lists.ts';
import { fieldsOf, hashOf, nullable, nullableNumber, numberOf, tagged } from './reply.ts';

/** `expiring`: past its window, calls in flight may still end; shown as `in_progress`, then `finalizing`. */
export const BATCH_STATUSES = [
  'validating',
  'failed',
  'in_progress',
  'finalizing',
  'completed',
  'expiring',
  'expired',
  'cancelling',
  'cancelled',
] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];
export type BatchEnd = 'failed' | 'completed' | 'expired' | 'cancelled';

export interface NewBatch {
  id: string;
  tenant: string;
  endpoint: Endpoint;
  inputFileId: string;
  /** As given: `24h`, `90m`, `7d`. */
  completionWindow: string;
  createdAt: number;
  expiresAt: number;
  priority: Priority;
  metadata: Record<string, string> | null;
  webhookUrl: string | null;
  maxTier: number | null;
  maxCostUsd: number | null;
  /** Seconds that the output files live after their creation; null = the retention of files. */
  outputExpiresAfter: number | null;
  retryOf: string | null;
}

/** A class of lines: one pool, one set of wire formats, requests of like size. Its index stands in the store. */
export interface BatchClass {
  /** Names its index within the batch: see `indexName` of the file store. */
  index: string;
  pool: string;
  /** Bit per wire format that can say these requests. */
  formats: number;
  /** Buckets of input and output: lines of different batches with the same are planned as one class. */
  shape: string;
  jobs: number;
  /** Summed over the class, for estimates. */
  characters: number;
  /** Sum over the lines that set a maximum, and how many do not. */
  maxOutput: number;
  unsetOutput: number;
  /** Its lines' keys lie beside the index, and those of one key stand together. Absent = in the order of the file, without. */
  keyed?: boolean;
}

export interface BatchError {
  code: string;
  message: string;
  param: string | null;
  line: number | null;
}

export interface StoredBatch extends NewBatch {
  status: BatchStatus;
  paused: boolean;
  /** Why it is paused, when not by its owner: it has come to its ceiling. A pause of its owner leaves that as it is. */
  pausedReason: string | null;
  classes: BatchClass[];
  /** Next record of each class's index to feed. */
  cursors: number[];
  total: number;
  fed: number;
  completed: number;
  failed: number;
  usage: { input: number; cached: number; output: number; reasoning: number };
  costUsd: number;
  /** Answered calls of unknown cost (their deployment has no price), and calls that never got an answer. */
  unpriced: number;
  unanswered: number;
  byDeployment: Record<string, number>;
  errors: BatchError[];
  outputFileId: string | null;
  errorFileId: string | null;
  inProgressAt: number | null;
  finalizingAt: number | null;
  completedAt: number | null;
  failedAt: number | null;
  expiredAt: number | null;
  cancellingAt: number | null;
  cancelledAt: number | null;
  /** From the planner: best possible drain time and when it will be done; null until known. */
  idealMs: number | null;
  etaAt: number | null;
  /** Lines of it, ended and open, that its ceiling probably pays for; null = all, as far as is known. */
  paidLines: number | null;
  /** Lines that were fed and are to be placed again, for which its ceiling does not pay now, and what they cost at most; null = none. */
  unpaidAgain: { lines: number; usd: number } | null;
  /** Deployments that its lines could go to, were more left of its ceiling. */
  unpaidAt: readonly string[];
  costEstimateUsd: number | null;
  /** Between what its cost will probably lie, US dollars. */
  costRangeUsd: { low: number; high: number } | null;
}

/** Accepts a batch. As for {@link acceptJob}. */
export async function createBatch(
  ledger: Ledger,
  batch: NewBatch,
  options: { checkAt: number; idempotency: Idempotency | null },
): Promise<Accepted> {
  const { keys } = ledger;
  const slot = slotOf(batch.id);
  return acceptRecord(ledger, {
    id: batch.id,
    key: keys.batch(batch.id),
    fields: {
      status: 'validating',
      tenant: batch.tenant,
      endpoint: batch.endpoint,
      input_file_id: batch.inputFileId,
      window: batch.completionWindow,
      created: batch.createdAt,
      expires: batch.expiresAt,
      priority: batch.priority,
      metadata: batch.metadata && JSON.stringify(batch.metadata),
      webhook: batch.webhookUrl,
      max_tier: batch.maxTier,
      max_cost: batch.maxCostUsd,
      output_expires_after: batch.outputExpiresAfter,
      retry_of: batch.retryOf,
    },
    createdAt: batch.createdAt,
    due: { key: keys.check(slot), at: options.checkAt },
    list: { kind: 'batches', tenant: batch.tenant },
    idempotency: options.idempotency,
    backlog: null,
  });
}

export async function readBatch(ledger: Ledger, id: string): Promise<StoredBatch | null> {
  const hash = hashOf(await ledger.redis.hgetall(ledger.keys.batch(id)));
  return hash?.['status'] ? storedBatchOf(id, hash) : null;
}

/** Which of these lines are recorded. */
export async function linesSeen(
  { redis, keys }: Ledger,
  batchId: string,
  lines: readonly number[],
): Promise<Set<number>> {
  if (lines.length === 0) return new Set();
  const asked = lines.flatMap((line) => ['GET', 'u1', line]).slice(1);
  const bits = await redis.bitfield_ro(keys.seen(batchId), 'GET', ...asked);
  return new Set(lines.filter((_, i) => bits[i] === 1));
}

function storedBatchOf(id: string, hash: Record<string, string>): StoredBatch {
  const classes = JSON.parse(hash['classes'] || '[]') as BatchClass[];
  return {
    ...requestOf(id, hash),
    ...timesOf(hash),
    status: hash['status'] as BatchStatus,
    paused: hash['paused'] === '1',
    pausedReason: nullable(hash['paused_reason']),
    classes,
    cursors: classes.map((_, index) => numberOf(hash[`cursor:${index}`])),
    total: numberOf(hash['total']),
    fed: numberOf(hash['fed']),
    completed: numberOf(hash['completed']),
    failed: numberOf(hash['failed']),
    usage: {
      input: numberOf(hash['input_tokens']),
      cached: numberOf(hash['cached_tokens']),
      output: numberOf(hash['output_tokens']),
      reasoning: numberOf(hash['reasoning_tokens']),
    },
    costUsd: numberOf(hash['cost']),
    unpriced: numberOf(hash['unpriced']),
    unanswered: numberOf(hash['unanswered']),
    byDeployment: byDeploymentOf(hash),
    errors: JSON.parse(hash['errors'] || '[]') as BatchError[],
    outputFileId: nullable(hash['output_file_id']),
    errorFileId: nullable(hash['error_file_id']),
    idealMs: nullableNumber(hash['ideal_ms']),
    etaAt: nullableNumber(hash['eta_at']),
    paidLines: nullableNumber(hash['paid_lines']),
    unpaidAgain: unpaidOf(hash),
    unpaidAt: JSON.parse(hash['unpaid_at'] || '[]') as string[],
    costEstimateUsd: nullableNumber(hash['cost_estimate']),
    costRangeUsd: rangeOf(hash['cost_low'], hash['cost_high']),
  };
}

const unpaidOf = ({ unpaid_lines: lines, unpaid_usd: usd }: Record<string, string>) =>
  lines ? { lines: Number(lines), usd: numberOf(usd) } : null;

const rangeOf = (low: string | undefined, high: string | undefined) =>
  low && high ? { low: Number(low), high: Number(high) } : null;

function requestOf(id: string, hash: Record<string, string>): NewBatch {
  return {
    id,
    tenant: hash['tenant'] ?? '',
    endpoint: hash['endpoint'] as Endpoint,
    inputFileId: hash['input_file_id'] ?? '',
    completionWindow: hash['window'] ?? '',
    createdAt: numberOf(hash['created']),
    expiresAt: numberOf(hash['expires']),
    priority: (hash['priority'] || 'low') as Priority,
    metadata: hash['metadata'] ? (JSON.parse(hash['metadata']) as Record<string, string>) : null,
    webhookUrl: nullable(hash['webhook']),
    maxTier: nullableNumber(hash['max_tier']),
    maxCostUsd: nullableNumber(hash['max_cost']),
    outputExpiresAfter: nullableNumber(hash['output_expires_after']),
    retryOf: nullable(hash['retry_of']),
  };
}

const timesOf = (hash: Record<string, string>) => ({
  inProgressAt: nullableNumber(hash['in_progress_at']),
  finalizingAt: nullableNumber(hash['finalizing_at']),
  completedAt: nullableNumber(hash['completed_at']),
  failedAt: nullableNumber(hash['failed_at']),
  expiredAt: nullableNumber(hash['expired_at']),
  cancellingAt: nullableNumber(hash['cancelling_at']),
  cancelledAt: nullableNumber(hash['cancelled_at']),
});

function byDeploymentOf(hash: Record<string, string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [name, value] of Object.entries(hash)) {
    if (name.startsWith('by:')) counts[name.slice(3)] = Number(value);
  }
  return counts;
}

/** `request` is what the key was sent with: a digest, never ''. */
export interface Once {
  key: string;
  request: string;
}

export interface BatchMove {
  from: readonly BatchStatus[];
  /** Absent = the status stays. */
  to?: BatchStatus;
  checkAt?: number;
  /** Moves nothing when one of these is another by now. */
  as?: Partial<Pick<StoredBatch, 'paused' | 'pausedReason' | 'maxCostUsd'>>;
  /** Moves nothing when a move with this key was made before; absent or null = it has none. */
  once?: Once | null;
  set?: Record<string, string | number | null>;
}

/** Moves a batch if it is in one of the statuses `from`; tells everyone who watches it. */
export async function moveBatch(
  ledger: Ledger,
  id: string,
  move: BatchMove,
): Promise<
  | { kind: 'moved'; before: BatchStatus }
  | { kind: 'refused'; status: BatchStatus }
  | { kind: 'missing' }
> {
  const { keys } = ledger;
  const once = move.once ? onceField(move.once.key) : null;
  const as = [...asRead(move.as ?? {}), ...(once === null ? [] : [once, ''])];
  const reply = await run(
    ledger,
    'move-batch',
    [keys.batch(id), keys.check(slotOf(id))],
    [
      id,
      move.from.join(' '),
      move.to ?? '',
      move.checkAt ?? '',
      keys.changes,
      as.length / 2,
      ...as,
      ...fieldsOf({ ...move.set, ...(once !== null && { [once]: move.once?.request }) }),
    ],
  );
  const [tag, status] = tagged(reply);
  if (tag === 1) return { kind: 'moved', before: status as BatchStatus };
  return tag === 0 ? { kind: 'refused', status: status as BatchStatus } : { kind: 'missing' };
}

const onceField = (key: string): string => `once:${key}`;

/** The `request` that a move with this key was made for; null = none was. */
export const movedFor = (
  { redis, keys }: Ledger,
  id: string,
  key: string,
): Promise<string | null> => redis.hget(keys.batch(id), onceField(key));

function asRead({ paused, pausedReason, maxCostUsd }: NonNullable<BatchMove['as']>) {
  return fieldsOf({
    ...(paused !== undefined && { paused: paused ? '1' : '' }),
    ...(pausedReason !== undefined && { paused_reason: pausedReason }),
    ...(maxCostUsd !== undefined && { max_cost: maxCostUsd }),
  });
}

/** A committed range of a segment: bytes start … end (exclusive). */
export interface Extent {
  segment: string;
  start: number;
  end: number;
}

/** What has been recorded so far, in an order that never changes. */
export async function readExtents(ledger: Ledger, batchId: string): Promise<Extent[]> {
  const rows = await ledger.redis.lrange(ledger.keys.extents(batchId), 0, -1);
  return rows.map((row) => {
    const [segment = '', start, end] = row.split(' ');
    return { segment, start: Number(start), end: Number(end) };
  });
}

/**
 * Removes an ended batch from the ledger, but for its place among what lapses: {@link forgetLapsed} takes it out of there
 * once its bytes are gone too, so that a crash between leaves nothing behind.
 */
export async function deleteBatch(
  ledger: Ledger,
  { id, tenant }: Pick<StoredBatch, 'id' | 'tenant'>,
): Promise<void> {
  const { batch, seen, extents, chunks } = ledger.keys;
  const alsoDelete = [batch(id), seen(id), extents(id), chunks(id)];
  await unlist(ledger, { kind: 'batches', tenant }, { ids: [id], alsoDelete });
}
