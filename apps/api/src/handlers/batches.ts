/** /v1/batches: reading, listing, cancelling, pausing; and its events. */
import { BATCH_STATUSES, moveBatch, readBatch, siftBatches, wasMoved } from '@sluice/ledger';
import type { BatchMove, BatchStatus, StoredBatch } from '@sluice/ledger';
import type { Api } from '../api.ts';
import { shownStatus } from '../batch-object.ts';
import type { ShownStatus } from '../batch-object.ts';
import { refuse } from '../errors.ts';
import { findBatch, hasEnded } from '../find-batch.ts';
import { noSuch } from '../find-job.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { maySee, ok } from '../http/message.ts';
import { idempotencyOf } from '../idempotency.ts';
import { readQuery } from '../http/query.ts';
import { listPage } from '../listing.ts';
import { HEARTBEAT, HEARTBEAT_MS, eventReply, eventText } from '../server-sent-events.ts';
import { batchesQuery } from '../shapes/batch-request.ts';
import { showBatch } from '../show-batch.ts';
import { changesOf } from '../wait-for.ts';

const find = (api: Api, request: ApiRequest): Promise<StoredBatch> =>
  findBatch(api, request.caller, request.params['id'] as string);

export const getBatch = async (api: Api, request: ApiRequest): Promise<Reply> =>
  ok(await showBatch(api, await find(api, request)));

export async function listBatches(api: Api, request: ApiRequest): Promise<Reply> {
  const { status, after, limit } = readQuery(batchesQuery, request.query);
  const matches = (batch: StoredBatch): boolean =>
    status === undefined || shownStatus(batch) === status;
  const page = await listPage(api.ledger, request, {
    kind: 'batches',
    order: 'desc',
    after,
    limit,
    ...(status !== undefined && { sift: (ids) => siftBatches(api.ledger, ids, storedAs(status)) }),
    read: async (id) => {
      const batch = await readBatch(api.ledger, id);
      const found = batch !== null && maySee(request.caller, batch.tenant) && matches(batch);
      return found ? showBatch(api, batch) : null;
    },
  });
  return ok(page);
}

const storedAs = (wanted: ShownStatus): BatchStatus[] =>
  BATCH_STATUSES.filter((status) => shownStatus({ status }) === wanted);

const CANCELLABLE: BatchStatus[] = ['validating', 'in_progress'];

/** Calls in flight are aborted; what has no answer then goes to the error file as `batch_cancelled`. Once it has ended it is a conflict. */
export async function cancelBatch(api: Api, request: ApiRequest): Promise<Reply> {
  const { id } = await find(api, request);
  const moved = await move(api, id, {
    from: CANCELLABLE,
    to: 'cancelling',
    checkAt: request.now,
    set: { cancelling_at: request.now, paused: '0' },
  });
  if (moved === 'moved') api.queues.addStep({ batch: id, step: 'wind_down' });
  return shown(api, id, { moved, fine: ['cancelling'], allowed: CANCELLABLE });
}

/** What is paused at its ceiling stays that. */
export async function pauseBatch(api: Api, request: ApiRequest): Promise<Reply> {
  const { id } = await find(api, request);
  const moved = await move(api, id, { from: CANCELLABLE, set: { paused: '1', eta_at: '' } });
  return shown(api, id, { moved, fine: [], allowed: CANCELLABLE });
}

/**
 * Looked after at once, so that the leader feeds it again. Going on where `max_cost_usd` had it paused is leave to spend more: it was
 * given for a pause that the request found, not for one that came since. An Idempotency-Key resumes once: a repeat changes nothing.
 */
export async function resumeBatch(api: Api, request: ApiRequest): Promise<Reply> {
  const { id, pausedReason } = await find(api, request);
  const once = keyOf(request);
  const moved = await move(api, id, {
    from: CANCELLABLE,
    once,
    as: { pausedReason },
    set: { paused: '0', paused_reason: '', ...(pausedReason !== null && { max_cost: '' }) },
    checkAt: request.now,
  });
  const repeats = moved === 'refused' && once !== null && (await wasMoved(api.ledger, id, once));
  if (repeats) request.marks['idempotent-replayed'] = 'true';
  return shown(api, id, {
    moved,
    fine: repeats ? BATCH_STATUSES : CANCELLABLE,
    allowed: CANCELLABLE,
  });
}

/** Remembered as long as its batch is. */
const keyOf = (request: ApiRequest): string | null =>
  idempotencyOf(request, { content: '', keepMs: 0 })?.key ?? null;

async function move(api: Api, id: string, to: BatchMove): Promise<'moved' | 'refused'> {
  const moved = await moveBatch(api.ledger, id, to);
  return moved.kind === 'missing' ? noSuch('batch', id) : moved.kind;
}

/** The batch as it is now; 409 when it was not moved and is not where the caller wanted it anyway. */
async function shown(
  api: Api,
  id: string,
  { moved, fine, allowed }: { moved: string; fine: readonly BatchStatus[]; allowed: BatchStatus[] },
): Promise<Reply> {
  const batch = (await readBatch(api.ledger, id)) ?? noSuch('batch', id);
  if (moved === 'refused' && !fine.includes(batch.status)) {
    refuse('wrong_state', { values: { id, found: batch.status, allowed: allowed.join(', ') } });
  }
  return ok(await showBatch(api, batch));
}

export async function batchEvents(api: Api, request: ApiRequest): Promise<Reply> {
  const { id } = await find(api, request);
  return eventReply(eventsOf(api, id, request.signal));
}

/** Progress comes at most twice a second; a change of state at once; ends with the batch. */
const PROGRESS_MS = 500;

async function* eventsOf(api: Api, id: string, signal: AbortSignal): AsyncGenerator<string> {
  let told = { status: '', at: 0 };
  for await (const { status, quiet } of changesOf(api.watch, id, {
    signal,
    everyMs: PROGRESS_MS,
  })) {
    const now = Date.now();
    const due = now - told.at >= (quiet ? HEARTBEAT_MS : PROGRESS_MS);
    if (!due && status !== null && status === told.status) continue;
    if (quiet && !due) continue;
    const batch = await readBatch(api.ledger, id);
    if (batch === null) return;
    if (quiet && batch.status === told.status) yield HEARTBEAT;
    else yield eventText(`batch.${batch.status}`, await showBatch(api, batch));
    told = { status: batch.status, at: now };
    if (hasEnded(batch.status)) return;
  }
}
