/** /v1/batches: reading, listing, cancelling, pausing; and its events. */
import { BATCH_STATUSES, readBatch, siftBatches } from '@sluice/ledger';
import type { BatchStatus, StoredBatch } from '@sluice/ledger';
import type { Api } from '../api.ts';
import { shownStatus } from '../batch-object.ts';
import type { ShownStatus } from '../batch-object.ts';
import { findBatch, hasEnded } from '../find-batch.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { maySee, ok } from '../http/message.ts';
import { checkAnyBody } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { listPage } from '../listing.ts';
import { OPEN, move, shown } from '../steer-batch.ts';
import { HEARTBEAT, HEARTBEAT_MS, eventReply, eventText } from '../server-sent-events.ts';
import { batchesQuery } from '../shapes/batch-request.ts';
import { emptyRequest } from '../shapes/empty-request.ts';
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

/** Calls in flight are aborted; what has no answer then goes to the error file as `batch_cancelled`. Once it has ended it is a conflict. */
export async function cancelBatch(api: Api, request: ApiRequest): Promise<Reply> {
  checkAnyBody(emptyRequest, request.json);
  const { id } = await find(api, request);
  const moved = await move(api, id, {
    from: OPEN,
    to: 'cancelling',
    checkAt: request.now,
    set: { cancelling_at: request.now, paused: '0' },
  });
  if (moved === 'moved') api.queues.addStep({ batch: id, step: 'wind_down' });
  return shown(api, id, { moved, fine: ['cancelling'], allowed: OPEN });
}

/** What is paused at its ceiling stays that. */
export async function pauseBatch(api: Api, request: ApiRequest): Promise<Reply> {
  checkAnyBody(emptyRequest, request.json);
  const { id } = await find(api, request);
  const moved = await move(api, id, { from: OPEN, set: { paused: '1', eta_at: '' } });
  return shown(api, id, { moved, fine: [], allowed: OPEN });
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
