/** What POST /v1/jobs and the lists of jobs take. */
import { ENDPOINTS, JOB_STATUSES } from '@sluice/job';
import { z } from 'zod';
import { maxTier, metadata, model, priority, webhookUrl, wholeText } from './fields.ts';

const DAY_MS = 86_400_000;

export const jobRequest = z.strictObject({
  model: model
    .optional()
    .describe('A pool, an alias, or `deployment/<id>`; absent = `body.model`.'),
  endpoint: z.enum(ENDPOINTS).default('/v1/chat/completions'),
  body: z
    .looseObject({ model: z.string().optional() })
    .describe('The request, in OpenAI’s format for the endpoint.'),
  priority: priority.default('normal'),
  deadline_ms: z
    .int()
    .min(1)
    .max(30 * DAY_MS)
    .default(DAY_MS)
    .describe('Counts from acceptance; then the job expires.'),
  affinity_key: z
    .string()
    .min(1)
    .max(256)
    .nullable()
    .default(null)
    .describe('Jobs of one key go to one deployment where the strategy supports it.'),
  max_tier: maxTier.nullable().default(null),
  webhook_url: webhookUrl.nullable().default(null),
  metadata: metadata.nullable().default(null),
});

export const waitQuery = z.strictObject({
  wait_ms: wholeText(0, 60_000).optional().describe('Waits this long for the job to end.'),
});

/** `metadata[k]` is read apart: see readFilters. */
export const jobsQuery = z.strictObject({
  status: z.enum(JOB_STATUSES).optional(),
  model: z.string().optional(),
  after: z.string().optional().describe('The last id of the page before.'),
  limit: wholeText(1, 100).default(20),
});
