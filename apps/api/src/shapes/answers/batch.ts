/** Batches, as the API answers with them. */
import { ENDPOINTS, PRIORITIES } from '@sluice/job';
import { z } from 'zod';
import type { BatchObject } from '../../batch-object.ts';
import { batchStatus } from '../batch-request.ts';
import { id, unix, text, count, usd, texts } from './values.ts';

export const batchErrors = z
  .object({
    object: z.literal('list'),
    data: z.array(
      z.object({
        code: text,
        message: text,
        line: z.int().nullable(),
        param: text.nullable(),
      }),
    ),
  })
  .nullable()
  .describe('Why the file was refused; at most 100.');

const batchUsage = z.object({
  input_tokens: count,
  input_tokens_details: z.object({ cached_tokens: count }),
  output_tokens: count,
  output_tokens_details: z.object({ reasoning_tokens: count }),
  total_tokens: count,
});

const batchAdditions = z.object({
  tenant: text.describe('Whose it is; `default` where there are no tenants.'),
  priority: z.enum(PRIORITIES),
  paused: z.boolean(),
  paused_reason: text.nullable(),
  eta_at: unix
    .nullable()
    .describe(
      'When it is expected to be done, by the plan in force and its tenant’s turns; where `max_cost_usd` pays for only a part of it, when that is done.',
    ),
  deadline: z
    .object({ meets: z.boolean(), late_by_ms: count })
    .nullable()
    .describe('Whether it is expected to be done by the end of its window.'),
  ideal_ms: count
    .nullable()
    .describe(
      'T*: the shortest drain that the limits allow, as expected before the first call. Answers shorter than their maximum can beat it.',
    ),
  cost_usd: usd.describe('What its answers cost; null when one of them has no price.'),
  unanswered_calls: count.describe('Calls without an answer, which may have been charged beside.'),
  max_cost_usd: usd.describe(
    'It pauses when its answers have cost so much; null = it has no ceiling, or was resumed at it.',
  ),
  max_cost_hint: z
    .string()
    .nullable()
    .describe(
      'Which answers `max_cost_usd` does not count, because deployments that its lines may go to have no price; null: it counts all, there is none, or the batch is not begun or has ended.',
    ),
  cost_estimate_usd: usd.describe('As expected before the first call.'),
  cost_range_usd: z
    .object({ low: count, high: count })
    .nullable()
    .describe(
      'Between what it was expected to lie: the less is known of such answers, the further apart.',
    ),
  queued: z.int(),
  running: z.int().describe('Lines that are being called.'),
  by_deployment: z.record(z.string(), z.int()).describe('Lines answered by each.'),
  by_pool: z
    .record(z.string(), z.int())
    .describe(
      'All its lines by the pool that their model and the routes led to; empty until they are read.',
    ),
  blocked: z
    .array(z.object({ deployment: text, reason: text }))
    .describe(
      'Deployments of its pools that take nothing now, also while others go on, and those of which a limit per minute is used up for more than seconds, and until when, and those that are left out because cheaper ones have what is left of `max_cost_usd`.',
    ),
  waiting: z
    .object({ reason: text })
    .nullable()
    .describe(
      'Why lines of it wait, beside `blocked`: it is paused, no deployment takes calls for any of them, its tenant is at a limit of its own (`rpm`, `tpm`, `concurrency`), what is left of `max_cost_usd` does not pay for all of them, or another batch of the tenant goes first.',
    ),
  retry_of: id.nullable(),
});

export const Batch = z.object({
  id,
  object: z.literal('batch'),
  endpoint: z.enum(ENDPOINTS),
  model: text.nullable().describe('The pool of all lines; null when unknown or several.'),
  errors: batchErrors,
  input_file_id: id,
  completion_window: text,
  status: batchStatus,
  output_file_id: id.nullable(),
  error_file_id: id.nullable(),
  created_at: unix,
  in_progress_at: unix.nullable(),
  expires_at: unix,
  finalizing_at: unix.nullable(),
  completed_at: unix.nullable(),
  failed_at: unix.nullable(),
  expired_at: unix.nullable(),
  cancelling_at: unix.nullable(),
  cancelled_at: unix.nullable(),
  request_counts: z.object({ total: z.int(), completed: z.int(), failed: z.int() }),
  usage: batchUsage,
  metadata: texts.nullable(),
  sluice: batchAdditions.describe('Sluice’s own.'),
}) satisfies z.ZodType<BatchObject>;
