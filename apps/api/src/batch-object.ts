/** A batch as the API shows it: OpenAI's fields with explicit nulls (wire-spec 1.5), and `sluice` for the rest. */
import { roundUsd } from '@sluice/job';
import type { BatchError, StoredBatch } from '@sluice/ledger';
import { hasEnded } from './find-batch.ts';
import { unixSeconds } from './unix-seconds.ts';

/** Why work of this batch waits, when something is in the way. */
export interface Blocked {
  deployment: string;
  reason: string;
}

export interface Running {
  /** Lines whose chunk is being called. */
  running: number;
  blocked: Blocked[];
  /** What its lines that are not fed wait for, beside the limits of deployments. */
  waiting: { reason: string } | null;
  /** Which answers its ceiling does not count. */
  maxCostHint: string | null;
}

const NOT_RUNNING: Running = { running: 0, blocked: [], waiting: null, maxCostHint: null };

/** `model`: the one pool of all lines, null while unknown or when there are several. */
const modelOf = ({ classes }: StoredBatch): string | null => {
  const pools = new Set(classes.map((one) => one.pool));
  return pools.size === 1 ? ([...pools][0] as string) : null;
};

/** As clients see it: past its window it is still in progress while calls may end. */
export const shownStatus = ({ status }: Pick<StoredBatch, 'status'>) =>
  status === 'expiring' ? ('in_progress' as const) : status;

export type ShownStatus = ReturnType<typeof shownStatus>;

/** `now`: ms. */
export function batchObject(batch: StoredBatch, now: number, running: Running = NOT_RUNNING) {
  return {
    id: batch.id,
    object: 'batch' as const,
    endpoint: batch.endpoint,
    model: modelOf(batch),
    errors: errorsOf(batch.errors),
    input_file_id: batch.inputFileId,
    completion_window: batch.completionWindow,
    status: shownStatus(batch),
    output_file_id: batch.outputFileId,
    error_file_id: batch.errorFileId,
    created_at: Math.floor(batch.createdAt / 1000),
    in_progress_at: unixSeconds(batch.inProgressAt),
    expires_at: Math.floor(batch.expiresAt / 1000),
    finalizing_at: unixSeconds(batch.finalizingAt),
    completed_at: unixSeconds(batch.completedAt),
    failed_at: unixSeconds(batch.failedAt),
    expired_at: unixSeconds(batch.expiredAt),
    cancelling_at: unixSeconds(batch.cancellingAt),
    cancelled_at: unixSeconds(batch.cancelledAt),
    request_counts: { total: batch.total, completed: batch.completed, failed: batch.failed },
    usage: usageOf(batch),
    metadata: batch.metadata,
    sluice: sluiceOf(batch, now, running),
  };
}

export type BatchObject = ReturnType<typeof batchObject>;

const MOST_ERRORS = 100;

export const errorsOf = (errors: readonly BatchError[]) =>
  errors.length === 0 ? null : { object: 'list' as const, data: errors.slice(0, MOST_ERRORS) };

const usageOf = ({ usage }: StoredBatch) => ({
  input_tokens: usage.input,
  input_tokens_details: { cached_tokens: usage.cached },
  output_tokens: usage.output,
  output_tokens_details: { reasoning_tokens: usage.reasoning },
  total_tokens: usage.input + usage.output,
});

/** An estimate that time has overtaken says nothing: it is made again, or nothing drains. */
const stillAhead = (ms: number | null, now: number): number | null =>
  ms !== null && ms > now ? ms : null;

/** Whether it is expected to be done by the end of its window; null while nobody knows, and when it has ended. */
const deadlineOf = ({ status, etaAt, expiresAt }: StoredBatch) =>
  etaAt === null || hasEnded(status)
    ? null
    : { meets: etaAt <= expiresAt, late_by_ms: Math.max(0, etaAt - expiresAt) };

/** Where the lines went by their `model` and the routes: how many each pool has, done or not. */
function byPool({ classes }: StoredBatch): Record<string, number> {
  const lines: Record<string, number> = {};
  for (const { pool, jobs } of classes) lines[pool] = (lines[pool] ?? 0) + jobs;
  return lines;
}

/** `cost_usd`: what answers cost; null when one has no price. `unanswered_calls` may have been charged beside it. */
const sluiceOf = (
  batch: StoredBatch,
  now: number,
  { running, blocked, waiting, maxCostHint }: Running,
) => ({
  tenant: batch.tenant,
  priority: batch.priority,
  // What has ended is not paused any more, whatever held it up at the end.
  paused: batch.paused && !hasEnded(batch.status),
  paused_reason: hasEnded(batch.status) ? null : batch.pausedReason,
  eta_at: hasEnded(batch.status) ? null : unixSeconds(stillAhead(batch.etaAt, now)),
  deadline: deadlineOf(batch),
  ideal_ms: batch.idealMs,
  cost_usd: batch.unpriced > 0 ? null : roundUsd(batch.costUsd),
  unanswered_calls: batch.unanswered,
  max_cost_usd: batch.maxCostUsd,
  max_cost_hint: maxCostHint,
  cost_estimate_usd: batch.costEstimateUsd === null ? null : roundUsd(batch.costEstimateUsd),
  cost_range_usd: batch.costRangeUsd && {
    low: roundUsd(batch.costRangeUsd.low),
    high: roundUsd(batch.costRangeUsd.high),
  },
  queued: hasEnded(batch.status)
    ? 0
    : Math.max(0, batch.total - batch.completed - batch.failed - running),
  running,
  by_deployment: batch.byDeployment,
  by_pool: byPool(batch),
  blocked,
  waiting,
  retry_of: batch.retryOf,
});
