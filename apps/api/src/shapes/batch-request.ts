/** What the routes of batches take. */
import { ENDPOINTS } from '@sluice/job';
import { z } from 'zod';
import type { ShownStatus } from '../batch-object.ts';
import {
  expiresAfter,
  flagText,
  maxTier,
  metadata,
  priority,
  webhookUrl,
  wholeText,
} from './fields.ts';

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const LONGEST_MS = 30 * UNIT_MS.d;

/** `24h`, `90m`, `7d` as milliseconds; null when it is none. */
export function windowMs(text: string): number | null {
  const match = /^([1-9]\d{0,5})([mhd])$/.exec(text);
  if (!match) return null;
  const ms = Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
  return ms <= LONGEST_MS ? ms : null;
}

const completionWindow = z
  .string()
  .refine((text) => windowMs(text) !== null, '24h, or any <n>m, <n>h or <n>d up to 30d')
  .describe('`24h`, or any `<n>m`, `<n>h`, `<n>d` up to 30 days.');

const additions = {
  priority: priority.default('low'),
  webhook_url: webhookUrl.nullable().default(null),
  max_tier: maxTier.nullable().default(null),
  max_cost_usd: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe(
      'US dollars: it pauses there. A retry of the batch takes it over, and counts from zero.',
    ),
};

const DRY_RUN =
  'Checks the file and answers what the batch would take; makes none and calls nobody.';

export const batchRequest = z.strictObject({
  input_file_id: z.string(),
  endpoint: z.enum(ENDPOINTS),
  completion_window: completionWindow,
  metadata: metadata.nullable().default(null),
  output_expires_after: expiresAfter.nullable().default(null),
  ...additions,
  dry_run: z.boolean().default(false).describe(DRY_RUN),
});

const NEW_CEILING =
  'The ceiling from now on, more than was spent already; null = none. Absent: a batch that is paused at its ceiling goes on without one, any other keeps it.';

/** Of a batch that goes on. */
export const resumeRequest = z.strictObject({
  max_cost_usd: z.number().positive().nullable().optional().describe(NEW_CEILING),
});

const ABOVE_ZERO = 'a finite number above 0';

/** The same as query parameters, for a body that is the JSONL itself. `metadata[k]` is read apart. */
export const directQuery = z.strictObject({
  completion_window: completionWindow.default('24h'),
  priority: priority.default('low'),
  webhook_url: webhookUrl.optional(),
  max_tier: wholeText(1, 100).optional(),
  max_cost_usd: z
    .string()
    .regex(/^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i, ABOVE_ZERO)
    .transform(Number)
    .refine((value) => value > 0 && Number.isFinite(value), ABOVE_ZERO)
    .optional()
    .meta({ type: 'number' }),
  dry_run: flagText.optional().describe(DRY_RUN),
  'output_expires_after[anchor]': z.literal('created_at').optional(),
  'output_expires_after[seconds]': wholeText(3_600, 2_592_000).optional(),
  filename: z.string().min(1).max(512).default('batch.jsonl'),
});

/** Those that clients see. */
export const batchStatus = z.enum([
  'validating',
  'failed',
  'in_progress',
  'finalizing',
  'completed',
  'expired',
  'cancelling',
  'cancelled',
]) satisfies z.ZodType<ShownStatus>;

export const batchesQuery = z.strictObject({
  status: batchStatus.optional(),
  after: z.string().optional().describe('The last id of the page before.'),
  limit: wholeText(1, 100).default(20),
});

export const resultsQuery = z.strictObject({
  after: wholeText(0, 1_000_000_000).default(0).describe('Skips this many lines.'),
  follow: flagText.default(false).describe('`true` goes on until the batch has ended.'),
});
