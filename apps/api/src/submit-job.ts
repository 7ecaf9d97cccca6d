/** Accepts one job: everything is checked before anything is written; the ledger write is the acceptance. */
import { affinityOf } from '@sluice/balancing';
import { didYouMean, lookupModel } from '@sluice/config';
import { findWanting, measure } from '@sluice/job';
import type { Endpoint, Priority } from '@sluice/job';
import { acceptJob, readJobHead, WINDOW_PER_SLOT } from '@sluice/ledger';
import type { JobHead, NewJob } from '@sluice/ledger';
import { checkUrl } from '@sluice/webhooks';
import { acceptSurely, beforeWriting } from './accept-surely.ts';
import { checkAllowance, returnAllowanceOf } from './allowance.ts';
import type { Api } from './api.ts';
import { refuse, show } from './errors.ts';
import { noSuch } from './find-job.ts';
import type { ApiRequest } from './http/message.ts';
import { idempotencyOf, newId, refuseConflict } from './idempotency.ts';
import { refuseTierBeyond } from './refuse-tier.ts';
import { formatsFor, routeJob } from './routing.ts';
import type { Routed } from './routing.ts';

/** When the sweeper looks whether an accepted job has reached its queue. */
const LOOK_AFTER_MS = 15_000;

export interface JobOrder {
  /** As the client named it. */
  model: string;
  endpoint: Endpoint;
  body: Record<string, unknown>;
  bodyText: string;
  /** Where parameters of the body stand in the request: `body.` or nothing. */
  within: '' | 'body.';
  priority: Priority;
  deadlineMs: number;
  maxTier: number | null;
  affinityKey: string | null;
  webhookUrl: string | null;
  metadata: Record<string, string>;
  retryOf: string | null;
}

/**
 * The job as it was accepted now, or as it stands when the same Idempotency-Key made it before. `named`: what it is to be called,
 * whoever makes it first; no key is looked at then.
 */
export async function submitJob(
  api: Api,
  request: ApiRequest,
  order: JobOrder,
  named: string | null = null,
): Promise<JobHead> {
  refuseStreaming(order);
  checkWebhook(api, order.webhookUrl);
  const keepMs = api.settings.retention.jobsMs;
  const content = request.text;
  const idempotency = named === null ? idempotencyOf(request, { content, keepMs }) : null;
  const id = named ?? newId('job', idempotency);
  const shape = measure(order.endpoint, order.body);
  const asked = { ...order, id, shape, now: request.now };
  const search = { fleet: api.fleet, routes: api.settings.routes };
  const routed = routeJob(search, request.caller, asked);
  refuseTier(api, order, routed);
  const formats = formatsFor(routed, order.endpoint, order);
  refuseWanting(order);
  const job: NewJob = {
    id,
    tenant: request.caller.id,
    pool: routed.pool,
    model: order.model,
    endpoint: order.endpoint,
    priority: routed.by?.priority ?? order.priority,
    createdAt: request.now,
    deadlineAt: request.now + order.deadlineMs,
    body: order.bodyText,
    shape,
    formats,
    maxTier: lowest(order.maxTier, routed.by?.maxTier ?? null),
    affinityKey: order.affinityKey,
    keptBy: keptBy(order),
    webhookUrl: order.webhookUrl,
    metadata: order.metadata,
    retryOf: order.retryOf,
  };
  const checkAt = request.now + LOOK_AFTER_MS;
  const window = WINDOW_PER_SLOT;
  const work = { id, idempotency, inputFileId: null };
  await beforeWriting(checkAllowance(api, request.caller, work));
  const write = () => acceptJob(api.ledger, job, { checkAt, idempotency, window });
  const accepted = await acceptSurely(api, request, { id, write });
  if (accepted.kind !== 'created') await returnAllowanceOf(api, request.caller, job);
  refuseConflict(accepted, request);
  if (accepted.kind === 'repeated') {
    return (await readJobHead(api.ledger, accepted.id)) ?? noSuch('job', accepted.id);
  }
  if (routed.by !== null && routed.by.route !== null) {
    const { route, why } = routed.by;
    api.events.routed({ job: id, pool: job.pool, route, why });
  }
  api.metrics.jobsAccepted.inc({ pool: job.pool, priority: job.priority });
  offer(api, job, accepted.waiting ?? 1);
  return { ...job, ...UNTOUCHED };
}

function keptBy({ affinityKey, body }: JobOrder): NonNullable<NewJob['keptBy']> {
  const { affinityKey: owner, prefixKey: prefix } = affinityOf(affinityKey, body);
  return { owner, prefix };
}

/**
 * Puts a job on its pool's queue while its share (tenant, band, pool) has few there; beyond that it waits in the ledger, and
 * the dispatcher fetches it when its share's turn comes: nobody's flood keeps another's job from being seen.
 */
function offer({ queues }: Api, { id, pool, priority }: NewJob, waiting: number): void {
  if (waiting > WINDOW_PER_SLOT) return;
  const more = waiting === WINDOW_PER_SLOT;
  queues.addJob(pool, { id, epoch: 0, ...(more && { more }) }, priority);
}

/** The tighter of two limits; null = none. */
const lowest = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? (one ?? other) : Math.min(one, other);

/** How a job begins: reading it back would tell the same. */
const UNTOUCHED = {
  status: 'queued',
  startedAt: null,
  endedAt: null,
  epoch: 0,
  deployment: null,
  tier: 1,
  attempts: [],
  tries: 0,
  costUsd: null,
  result: null,
  atGate: false,
  error: null,
} satisfies Omit<JobHead, keyof NewJob>;

/** Throws 400 when deliveries may not go there. */
export function checkWebhook({ settings }: Pick<Api, 'settings'>, url: string | null): void {
  if (url === null) return;
  const verdict = checkUrl(url, settings.webhooks);
  if (verdict.ok) return;
  refuse('unsupported_parameter', {
    param: 'webhook_url',
    values: { field: 'webhook_url', reason: verdict.reason },
  });
}

function refuseWanting({ endpoint, body, within }: JobOrder): void {
  const wanting = findWanting(endpoint, body);
  if (wanting === null) return;
  const field = `${within}${wanting.field}`;
  if (!wanting.absent) {
    const values = { field, found: show(body[wanting.field]), allowed: wanting.allowed };
    refuse('invalid_value', { param: field, values });
  }
  const meant = didYouMean(wanting.field, Object.keys(body));
  const hint = meant === null ? '' : ` Found '${within}${meant}': did you mean '${field}'?`;
  refuse('missing_required_parameter', { param: field, values: { field, hint } });
}

/**
 * A tier that neither the pool named has nor the one it is routed to. What is tried again keeps the tier it was accepted with, however
 * many there are by now.
 */
function refuseTier({ fleet }: Api, { maxTier, model, retryOf }: JobOrder, { pool }: Routed): void {
  const named = lookupModel(fleet, model);
  const own = named.kind === 'pool' || named.kind === 'alias' ? [named.pool.id] : [];
  if (retryOf === null) refuseTierBeyond(fleet, maxTier, [pool, ...own]);
}

function refuseStreaming({ body, within }: JobOrder): void {
  const { stream } = body;
  if (stream === undefined || stream === null || stream === false) return;
  const field = `${within}stream`;
  const reason = `found ${JSON.stringify(stream)?.slice(0, 20)}; streaming is not available yet, allowed: false`;
  refuse('unsupported_parameter', { param: field, values: { field, reason } });
}
