/** Deliveries to webhook endpoints: what was sent and answered, sent again, or sent as a trial. */
import { randomBytes, randomUUID } from 'node:crypto';
import { isId, makeId } from '@sluice/job';
import { beginRedelivery, listDeliveries, readDelivery, readJobHead } from '@sluice/ledger';
import type { DeliveryAttempt, StoredDelivery } from '@sluice/ledger';
import { createDeliverer, liveSecrets, sampleEventBody, signHeaders } from '@sluice/webhooks';
import type { Delivery } from '@sluice/webhooks';
import { beforeWriting } from '../accept-surely.ts';
import type { Api } from '../api.ts';
import { refuse, show } from '../errors.ts';
import { noSuch } from '../find-job.ts';
import { ok } from '../http/message.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { checkBody } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { listOf } from '../listing.ts';
import { endpointsQuery, testRequest } from '../shapes/webhook-request.ts';
import { findEndpoint } from './webhook-endpoints.ts';
import { unixSeconds } from '../unix-seconds.ts';

export async function listWebhookDeliveries(api: Api, request: ApiRequest): Promise<Reply> {
  const { id } = await findEndpoint(api, request);
  const { after = null, limit } = readQuery(endpointsQuery, request.query);
  const ids = await listDeliveries(api.ledger, id, { after, limit: limit + 1 });
  if (ids === null) {
    const values = {
      field: 'after',
      found: show(after),
      allowed: 'an id of the list of deliveries',
    };
    return refuse('invalid_value', { param: 'after', values });
  }
  const found = await Promise.all(ids.slice(0, limit).map((one) => readDelivery(api.ledger, one)));
  const data = found.filter((one) => one !== null).map(deliveryObject);
  return ok(listOf(data, ids.length > limit));
}

/** The same event again, by the whole schedule; its receiver may drop it by its `webhook-id`. */
export async function redeliver(api: Api, request: ApiRequest): Promise<Reply> {
  const endpoint = await findEndpoint(api, request);
  const id = request.params['delivery'] as string;
  const delivery = isId('whd', id) ? await beforeWriting(readDelivery(api.ledger, id)) : null;
  if (delivery?.endpoint !== endpoint.id) return noSuch('webhook_delivery', id);
  if (endpoint.status === 'disabled')
    refuse('wrong_state', { values: { id: endpoint.id, found: 'disabled', allowed: 'active' } });
  if (delivery.status === 'pending') refusePending(id);
  await refuseForgotten(api, delivery);
  const asking = { name: randomUUID(), now: request.now };
  const count = (await beginRedelivery(api.ledger, delivery, asking)) ?? refusePending(id);
  const after = {
    ...delivery,
    status: 'pending' as const,
    nextAt: request.now,
    redeliveries: count,
  };
  return { status: 202, body: deliveryObject(after) };
}

const refusePending = (id: string): never =>
  refuse('wrong_state', {
    values: { id, found: 'pending', allowed: 'delivered, failed, dropped' },
  });

/** The body is made from the job: past its retention there is nothing to tell. */
async function refuseForgotten(api: Api, { event }: StoredDelivery): Promise<void> {
  if (!event.type.startsWith('job.')) return;
  if ((await readJobHead(api.ledger, event.subject, { upTo: 0 })) === null)
    noSuch('job', event.subject);
}

/** Sends a made-up event of the type now, once, signed as a real one. */
export async function testEndpoint(api: Api, request: ApiRequest): Promise<Reply> {
  const endpoint = await findEndpoint(api, request);
  const { event_type: type } = checkBody(testRequest, request.json);
  const at = request.now;
  const id = makeId('evt', randomBytes(16));
  const body = sampleEventBody({ id, type, at });
  const headers = { ...signHeaders({ id, at, body }, liveSecrets(endpoint, at)) };
  const deliverer = createDeliverer(api.settings.webhooks);
  try {
    const result = await deliverer.deliver({ url: endpoint.url, headers, body });
    if (result.kind !== 'delivered') refuseTest(endpoint.id, result);
    const { status } = result;
    return ok({
      object: 'webhook_endpoint.test',
      webhook_endpoint_id: endpoint.id,
      event_type: type,
      status_code: status,
      success: true,
    });
  } finally {
    await deliverer.close();
  }
}

function refuseTest(id: string, result: Delivery): never {
  const reason =
    result.kind === 'gone'
      ? 'it answered 410'
      : result.kind === 'throttled'
        ? `it answered ${result.status}`
        : 'reason' in result
          ? result.reason
          : result.kind;
  return refuse('webhook_test_failed', { values: { id, reason } });
}

const attemptObject = ({ at, tookMs, statusCode, error }: DeliveryAttempt) => ({
  at: at / 1000,
  took_ms: tookMs,
  status_code: statusCode,
  error,
});

const deliveryObject = (delivery: StoredDelivery) => ({
  id: delivery.id,
  object: 'webhook_delivery',
  webhook_endpoint_id: delivery.endpoint,
  event_id: delivery.event.id,
  event_type: delivery.event.type,
  subject: delivery.event.subject,
  status: delivery.status,
  created_at: unixSeconds(delivery.createdAt),
  next_attempt_at: delivery.nextAt === null ? null : unixSeconds(delivery.nextAt),
  redeliveries: delivery.redeliveries,
  attempts: delivery.attempts.map(attemptObject),
});
