/** /v1/webhook_endpoints: receivers that are told of all that a tenant's jobs and batches come to. OpenAI's management API. */
import { randomBytes } from 'node:crypto';
import { EVENT_TYPES, isId } from '@sluice/job';
import type { WebhookEndpoint } from '@sluice/job';
import {
  createEndpoint,
  deleteEndpoint,
  endpointsOf,
  readEndpoint,
  updateEndpoint,
} from '@sluice/ledger';
import { checkUrl, hintOf, makeSecret, rotated } from '@sluice/webhooks';
import { beforeWriting } from '../accept-surely.ts';
import type { Api } from '../api.ts';
import { refuse, show } from '../errors.ts';
import { noSuch } from '../find-job.ts';
import { maySee, ok } from '../http/message.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { checkBody } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { idempotencyOf, newId, refuseConflict } from '../idempotency.ts';
import { listPage } from '../listing.ts';
import {
  endpointChange,
  endpointRequest,
  endpointsQuery,
  rotateRequest,
} from '../shapes/webhook-request.ts';
import { unixSeconds } from '../unix-seconds.ts';

/** Each costs a read for every event of its tenant. */
const MOST_ENDPOINTS = 100;

export async function createWebhookEndpoint(api: Api, request: ApiRequest): Promise<Reply> {
  const { name, url, event_types: eventTypes } = checkBody(endpointRequest, request.json);
  checkAddress(api, url);
  const tenant = request.caller.id;
  const { length } = await endpointsOf(api.ledger, tenant);
  if (length >= MOST_ENDPOINTS)
    refuse('too_many_endpoints', { values: { found: length, allowed: MOST_ENDPOINTS } });
  const keepMs = api.settings.retention.jobsMs;
  const idempotency = idempotencyOf(request, { content: request.text, keepMs });
  const endpoint: WebhookEndpoint = {
    id: newId('whe', idempotency),
    tenant,
    name,
    url,
    eventTypes,
    createdAt: request.now,
    updatedAt: null,
    secrets: [{ secret: makeSecret(randomBytes(32)), until: null }],
    status: 'active',
    disabledReason: null,
    disabledAt: null,
    failingSince: null,
  };
  const accepted = await createEndpoint(api.ledger, endpoint, idempotency);
  refuseConflict(accepted, request);
  const made = accepted.kind === 'created' ? endpoint : await readEndpoint(api.ledger, accepted.id);
  return ok(withSecret(made ?? noEndpoint(accepted.id)));
}

export async function listWebhookEndpoints(api: Api, request: ApiRequest): Promise<Reply> {
  const query = readQuery(endpointsQuery, request.query);
  const page = await listPage(api.ledger, request, {
    kind: 'endpoints',
    order: 'desc',
    after: query.after,
    limit: query.limit,
    read: async (id) => {
      const endpoint = await readEndpoint(api.ledger, id);
      return endpoint && maySee(request.caller, endpoint.tenant) ? endpointObject(endpoint) : null;
    },
  });
  return ok(page);
}

export const getWebhookEndpoint = async (api: Api, request: ApiRequest): Promise<Reply> =>
  ok(endpointObject(await findEndpoint(api, request)));

export async function updateWebhookEndpoint(api: Api, request: ApiRequest): Promise<Reply> {
  const endpoint = await findEndpoint(api, request);
  const { name, url, event_types: eventTypes, status } = checkBody(endpointChange, request.json);
  if (url !== undefined) checkAddress(api, url);
  const change = {
    ...(name !== undefined && { name }),
    ...(url !== undefined && { url }),
    ...(eventTypes !== undefined && { eventTypes }),
    ...(status !== undefined && healthOf(status, request.now)),
    updatedAt: request.now,
  };
  if (!(await updateEndpoint(api.ledger, endpoint.id, change))) noEndpoint(endpoint.id);
  return ok(endpointObject({ ...endpoint, ...change }));
}

const healthOf = (status: WebhookEndpoint['status'], now: number) =>
  status === 'active'
    ? { status, disabledReason: null, disabledAt: null, failingSince: null }
    : { status, disabledReason: 'it was disabled by its owner', disabledAt: now };

export async function deleteWebhookEndpoint(api: Api, request: ApiRequest): Promise<Reply> {
  const endpoint = await findEndpoint(api, request);
  const deleted = await deleteEndpoint(api.ledger, endpoint);
  return ok({ id: endpoint.id, object: 'webhook_endpoint.deleted', deleted });
}

export async function rotateWebhookSecret(api: Api, request: ApiRequest): Promise<Reply> {
  const endpoint = await findEndpoint(api, request);
  const wanted = checkBody(rotateRequest, request.json ?? {});
  const secret = makeSecret(randomBytes(32));
  const keepOld = wanted.keep_old_secret_active_for_24_hours;
  const secrets = rotated(endpoint, { secret, keepOld }, request.now);
  const change = { secrets, updatedAt: request.now };
  if (!(await updateEndpoint(api.ledger, endpoint.id, change))) noEndpoint(endpoint.id);
  return ok(withSecret({ ...endpoint, ...change }));
}

export const listWebhookEventTypes = (): Reply => ok({ object: 'list', data: [...EVENT_TYPES] });

/** The endpoint that the path names; throws 404 where the caller has none of that id. */
export async function findEndpoint(
  api: Pick<Api, 'ledger'>,
  { params, caller }: Pick<ApiRequest, 'params' | 'caller'>,
): Promise<WebhookEndpoint> {
  const id = params['id'] as string;
  const found = isId('whe', id) ? await beforeWriting(readEndpoint(api.ledger, id)) : null;
  return found !== null && maySee(caller, found.tenant) ? found : noEndpoint(id);
}

const noEndpoint = (id: string): never => noSuch('webhook_endpoint', id);

function checkAddress({ settings }: Pick<Api, 'settings'>, url: string): void {
  const verdict = checkUrl(url, settings.webhooks);
  if (verdict.ok) return;
  refuse('invalid_value', {
    param: 'url',
    values: {
      field: 'url',
      found: show(url),
      allowed: `an address that may be told (${verdict.reason})`,
    },
  });
}

const endpointObject = (endpoint: WebhookEndpoint) => ({
  id: endpoint.id,
  object: 'webhook_endpoint',
  created_at: unixSeconds(endpoint.createdAt),
  updated_at: unixSeconds(endpoint.updatedAt),
  name: endpoint.name,
  url: endpoint.url,
  event_types: endpoint.eventTypes,
  signing_secret_hint: hintOf(endpoint.secrets[0]?.secret ?? ''),
  status: endpoint.status,
  disabled_reason: endpoint.disabledReason,
  disabled_at: unixSeconds(endpoint.disabledAt),
  failing_since: unixSeconds(endpoint.failingSince),
});

/** Only who makes or rotates a secret is told it. */
const withSecret = (endpoint: WebhookEndpoint) => ({
  ...endpointObject(endpoint),
  signing_secret: endpoint.secrets[0]?.secret,
});
