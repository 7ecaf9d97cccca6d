/** POST /v1/jobs. */
import type { JobHead } from '@sluice/ledger';
import type { Api } from '../api.ts';
import { refuse, show } from '../errors.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { checkBody } from '../http/problem.ts';
import { readQuery } from '../http/query.ts';
import { jobReply } from '../job-reply.ts';
import { jobRequest } from '../shapes/job-request.ts';
import { submitJob } from '../submit-job.ts';
import { noQuery } from './admin.ts';

export async function createJob(api: Api, request: ApiRequest): Promise<Reply> {
  readQuery(noQuery, request.query);
  const order = checkBody(jobRequest, request.json);
  const { body } = request.json as { body: Record<string, unknown> };
  const job = await submitJob(api, request, {
    model: modelOf(order.model, order.body.model),
    endpoint: order.endpoint,
    body,
    bodyText: JSON.stringify(body),
    within: 'body.',
    priority: order.priority,
    deadlineMs: order.deadline_ms,
    maxTier: order.max_tier,
    affinityKey: order.affinity_key,
    webhookUrl: order.webhook_url,
    metadata: order.metadata ?? {},
    retryOf: null,
  });
  return accepted(api, job);
}

function modelOf(outer: string | undefined, inner: string | undefined): string {
  const model = outer ?? inner;
  if (model === undefined) {
    return refuse('missing_required_parameter', { param: 'model', values: { field: 'model' } });
  }
  if (inner === undefined || inner === model) return model;
  return refuse('conflicting_models', {
    param: 'model',
    values: { found: show(outer), other: show(inner) },
  });
}

const accepted = async (api: Api, job: JobHead): Promise<Reply> => ({
  ...(await jobReply(api, job)),
  status: 202,
  headers: { location: `/v1/jobs/${job.id}` },
});
