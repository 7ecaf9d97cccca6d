/** Usage by hour, as the API answers with it. */
import { z } from 'zod';
import type { UsageRow } from '../../usage-report.ts';
import { unix, text, count, usd, usage } from './values.ts';

const usageRow = z.object({
  object: z.literal('usage'),
  group: text
    .nullable()
    .describe(
      'What `group_by` names; null for what has none, or is not known any more, and without `group_by`. `other`: values that were too many to tell apart.',
    ),
  jobs: z.int().describe('Jobs and batch lines that ended: the sum of the next four.'),
  succeeded: z.int(),
  failed: z.int(),
  cancelled: z.int(),
  expired: z.int(),
  attempts: z.int().describe('Calls, also of jobs that have not ended.'),
  failed_attempts: z.int(),
  usage,
  cost_usd: usd.describe('US dollars; null where the cost of an answer is unknown.'),
  cost_usd_known: count.describe('The part of it that is known.'),
  unpriced_calls: z.int().describe('Calls of unknown cost: without a price or a count of tokens.'),
  unanswered_calls: z
    .int()
    .describe('Calls without an answer, which may have been charged beside.'),
}) satisfies z.ZodType<UsageRow>;

export const Usage = z.object({
  object: z.literal('page'),
  data: z.array(
    z.object({
      object: z.literal('bucket'),
      from: unix,
      to: unix.describe('Exclusive.'),
      results: z.array(usageRow),
    }),
  ),
  has_more: z.boolean(),
  next_page: text.nullable(),
});
