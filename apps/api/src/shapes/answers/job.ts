/** Jobs, as the API answers with them. */
import { ENDPOINTS, JOB_STATUSES, OUTCOMES, PRIORITIES } from '@sluice/job';
import type { Job as JobObject } from '@sluice/job';
import { z } from 'zod';
import { id, unix, text, count, usd, texts, usage } from './values.ts';

const attempt = z.object({
  deployment: text,
  instead_of: text
    .optional()
    .describe(
      'The arm of a `split`, or the region, it was meant for, which had no room or could not be used.',
    ),
  output_cap: z
    .int()
    .optional()
    .describe('The request set no maximum: its deployment put in this one, for each answer.'),
  provider: text,
  started_at: count.describe('Unix seconds, fractional.'),
  queued_ms: count.describe('From acceptance, or from the end of the attempt before, to the call.'),
  took_ms: count,
  outcome: z.enum(OUTCOMES),
  status_code: z.int().nullable(),
  usage: usage.nullable(),
  cost_usd: usd,
  error: text.nullable().describe('What the provider said, shortened.'),
});

const JOB_ERRORS = [
  ...OUTCOMES.filter((outcome) => outcome !== 'ok'),
  'expired',
  'cancelled',
  'no_deployment',
] as const;

export const Job = z.object({
  id,
  object: z.literal('job'),
  tenant: text.describe('Whose it is; `default` where there are no tenants.'),
  status: z.enum(JOB_STATUSES),
  model: text.describe('As the client named it.'),
  endpoint: z.enum(ENDPOINTS),
  priority: z.enum(PRIORITIES),
  created_at: unix,
  started_at: unix.nullable().describe('When its first call began.'),
  ended_at: unix.nullable(),
  deadline_at: unix,
  attempts: z.array(attempt).describe('Every call that was made for it.'),
  result: z
    .object({ status_code: z.int(), body: z.unknown() })
    .nullable()
    .describe('The provider’s answer; also that of a 4xx.'),
  error: z.object({ code: z.enum(JOB_ERRORS), message: text }).nullable(),
  cost_usd: usd,
  metadata: texts,
  retry_of: id.nullable().describe('The job that this one repeats.'),
  waiting: z
    .object({
      reason: text,
      deployments: z.array(z.object({ deployment: text, state: text, reason: text })),
    })
    .optional()
    .describe(
      'When GET /v1/jobs/{id} finds it queued: why, if no deployment of its pool is usable, its tenant is at a limit of its own (`rpm`, `tpm`, `concurrency`), the limits of its deployments are used up (a single job alone), or it is a line whose batch is paused or behind another (no deployments named for tenants and batches).',
    ),
  url: text
    .optional()
    .describe(
      'In a list, where `result` is null for being larger than 256 KiB: where the job is whole.',
    ),
}) satisfies z.ZodType<JobObject>;
