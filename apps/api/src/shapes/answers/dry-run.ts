/** What a dry run answers with. */
import { ENDPOINTS } from '@sluice/job';
import { z } from 'zod';
import type { DryRunObject } from '../../handlers/dry-run.ts';
import { batchErrors } from './batch.ts';
import { unix, count } from './values.ts';

const range = z
  .object({ low: count, likely: count, high: count })
  .describe('The less is known of such answers, the further apart.');

const estimate = {
  input_tokens: range,
  output_tokens: range,
  cost_usd: range.nullable().describe('US dollars; null where a price is unknown.'),
};

const assumption = z.object({
  value: z.number(),
  from: z
    .enum(['answers', 'config', 'default'])
    .describe('What answers have taught, what the config says, or what is usual.'),
});

const maybeAssumption = assumption.extend({ value: z.number().nullable() });

export const DryRun = z.object({
  object: z.literal('batch.dry_run'),
  endpoint: z.enum(ENDPOINTS),
  valid: z
    .boolean()
    .describe(
      'Whether a batch of it would run: false with a single bad line, or more lines than the max_queued of its tenant.',
    ),
  lines: z.int(),
  bad_lines: z.int(),
  errors: batchErrors,
  ...estimate,
  ideal_ms: count
    .nullable()
    .describe(
      'T*, had it everything to itself, whatever it costs, with the deployments that take calls now; null without any.',
    ),
  eta_ms: count
    .nullable()
    .describe(
      'How long it would take from now, by the plan that will be made, beside what drains now.',
    ),
  eta_at: unix.nullable().describe('When that is.'),
  deadline: z.object({ meets: z.boolean(), late_by_ms: count }).nullable(),
  by_pool: z
    .record(
      z.string(),
      z.object({
        lines: z.int(),
        ...estimate,
        saves: z
          .enum(['money', 'time'])
          .describe('`money`: its figures are by the cheapest plan that keeps the deadline.'),
      }),
    )
    .describe('The good lines, by the pool that their model and the routes lead to.'),
  says: z
    .string()
    .describe(
      'Which plan the figures are of, in words; what would make it much faster, where that is known; which deployments take nothing now; and whether the POST would now be refused by max_queued.',
    ),
  assumed: z
    .object({
      output_tokens: z
        .record(z.string(), assumption)
        .describe('Of an answer, in the mean, by pool.'),
      deployments: z
        .record(
          z.string(),
          z.object({
            chars_per_token: assumption,
            max_tokens: assumption
              .nullable()
              .describe('Booked at first where a line sets no maximum; null = all set one.'),
            latency_ms: maybeAssumption.describe(
              'Mean of a call; null = not known, before the first answer.',
            ),
          }),
        )
        .describe('Those that the lines may go to.'),
    })
    .describe('What the figures go by where nobody can know.'),
}) satisfies z.ZodType<DryRunObject>;
