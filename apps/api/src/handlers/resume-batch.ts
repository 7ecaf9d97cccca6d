/** POST /v1/batches/{id}/resume: it goes on, with its ceiling, with another or without one. */
import { roundUsd } from '@sluice/job';
import { BATCH_STATUSES, movedFor } from '@sluice/ledger';
import type { BatchMove, Once, StoredBatch } from '@sluice/ledger';
import type { Api } from '../api.ts';
import { refuse, show } from '../errors.ts';
import { findBatch } from '../find-batch.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { checkAnyBody } from '../http/problem.ts';
import { idempotencyOf } from '../idempotency.ts';
import { resumeRequest } from '../shapes/batch-request.ts';
import { OPEN, move, shown } from '../steer-batch.ts';
import { refuseUnpriced } from '../unpriced.ts';

/**
 * Looked after at once, so that the leader feeds it again. An Idempotency-Key resumes once: a repeat changes nothing, and
 * is not refused for what was spent since.
 */
export async function resumeBatch(api: Api, request: ApiRequest): Promise<Reply> {
  const { max_cost_usd: ceiling } = checkAnyBody(resumeRequest, request.json);
  const batch = await findBatch(api, request.caller, request.params['id'] as string);
  const { id } = batch;
  const once = onceOf(request, ceiling);
  const repeats = await isRepeat(api, id, once);
  if (!repeats && typeof ceiling === 'number') refuseCeiling(api, request, { batch, ceiling });
  const step = { from: OPEN, once, checkAt: request.now, ...goingOn(batch, ceiling) };
  const moved = repeats ? 'refused' : await move(api, id, step);
  const isKnown = repeats || (moved === 'refused' && (await isRepeat(api, id, once)));
  if (isKnown) request.marks['idempotent-replayed'] = 'true';
  return shown(api, id, { moved, fine: isKnown ? BATCH_STATUSES : OPEN, allowed: OPEN });
}

/**
 * Going on where `max_cost_usd` had it paused is leave to spend more: unless it says how much, it was given for a pause that the
 * request found, not for one that came since.
 */
function goingOn(
  { pausedReason }: StoredBatch,
  ceiling: number | null | undefined,
): Pick<BatchMove, 'as' | 'set'> {
  const set = { paused: '0', paused_reason: '' };
  const told = { paid_lines: '', unpaid_lines: '', unpaid_at: '' };
  if (ceiling !== undefined) return { set: { ...set, max_cost: ceiling, ...told } };
  return { as: { pausedReason }, set: { ...set, ...(pausedReason !== null && { max_cost: '' }) } };
}

/** Throws 400 for one that is spent already, or that knows the cost of none of its lines. */
function refuseCeiling(
  { fleet }: Api,
  { caller }: ApiRequest,
  { batch, ceiling }: { batch: StoredBatch; ceiling: number },
): void {
  const { status, classes, costUsd, maxTier } = batch;
  if (!OPEN.includes(status)) return;
  const pools = classes.length === 0 ? caller.pools : classes.map(({ pool }) => pool);
  refuseUnpriced(fleet, { maxCostUsd: ceiling, maxTier }, pools);
  if (ceiling > costUsd) return;
  const field = 'max_cost_usd';
  const allowed = `more than ${roundUsd(costUsd)}, which its answers have cost so far, or null to go on without one`;
  refuse('invalid_value', { param: field, values: { field, found: show(ceiling), allowed } });
}

/** Remembered as long as its batch is. No body and `{}` are the same request. */
function onceOf(request: ApiRequest, ceiling: number | null | undefined): Once | null {
  const content = ceiling === undefined ? '' : String(ceiling);
  const sent = idempotencyOf(request, { content, keepMs: 0 });
  return sent && { key: sent.key, request: sent.requestHash };
}

/** Whether it was resumed by this request before. Throws 409 where its key came with another. */
async function isRepeat(api: Api, id: string, once: Once | null): Promise<boolean> {
  const found = once === null ? null : await movedFor(api.ledger, id, once.key);
  if (found !== null && found !== once?.request) refuse('idempotency_conflict', { values: { id } });
  return found !== null;
}
