/** Deployments, pools and budgets as they stand, for operators. */
import { z } from 'zod';
import { id, unix, text, count, share, usd } from './values.ts';

const used = z
  .array(
    z.object({
      dimension: text,
      limit: count.describe('What it goes by now.'),
      configured: count.nullable().optional().describe('Per minute, of rates; null where none is.'),
      reported: count.nullable().optional().describe('By the provider’s headers.'),
      learnt: count.nullable().optional().describe('From 429s.'),
      why: text.optional().describe('Why it goes by that limit.'),
      per_minute: count
        .optional()
        .describe('What is really sent at most: the limit less a margin.'),
      used: share.describe(
        'Of what is sent at most, as of the last ten seconds, for rates; of the limit for the rest; 0 to 1.',
      ),
      burst_used: share
        .optional()
        .describe('Of what may start at once, of rates: 0 = untouched, also at full load.'),
      booked_ahead_ms: count.optional(),
      amount: count.optional(),
    }),
  )
  .describe('One row per limit.');

const state = text
  .nullable()
  .describe(
    'active, half_open, broken, blocked, draining, paused; null until a dispatcher says it.',
  );

const limitsOf = z.record(z.string(), count);

const milliseconds = (part: string) => count.describe(`${part} took no longer, to within 5 %; ms.`);

const latency = z
  .object({
    p50: milliseconds('Half of the calls'),
    p95: milliseconds('95 % of the calls'),
    p99: milliseconds('99 % of the calls'),
    calls: z.int().describe('That it is of.'),
  })
  .nullable();

export const Deployment = z.object({
  id,
  provider: text,
  model: text.describe('As the provider knows it.'),
  region: text.nullable(),
  weight: count,
  limits: limitsOf.describe('Of its own, in force now.'),
  overridden: z
    .object({ weight: count.optional(), state: text.optional(), limits: limitsOf.optional() })
    .nullable()
    .describe('What is set over the config; null = nothing.'),
  configured: z.object({ weight: count.nullable(), limits: limitsOf }),
  budgets: z.array(text),
  state,
  reason: text.nullable().describe('Why it is not active.'),
  blocked: text.nullable(),
  since: unix.nullable(),
  share: share
    .nullable()
    .describe('Of the work of its pools placed in the last half minute; null: none in a minute.'),
  capacity_share: share
    .nullable()
    .describe('What its limits would let it carry of the work of its pools, on average.'),
  breaker: text.nullable().describe('closed, open or half_open.'),
  next_try_at: unix
    .nullable()
    .describe('From when on a job tries it; null where nothing keeps the next one from it.'),
  share_of_rate: share.nullable().describe('Below 1 while it starts slowly after a recovery.'),
  plan: text.nullable().describe('What the plan gives it, and why; null without a plan.'),
  queued: z.int().describe('Entries; each is a chunk of one or more jobs.'),
  in_flight: z.int(),
  succeeded: z.int().describe('Calls, all that are counted.'),
  failed: z
    .int()
    .describe('The same, 429s and lost ones among them: every attempt that is no success.'),
  by_outcome: z.record(z.string(), z.int()),
  failures_in_a_row: z
    .int()
    .describe('Up to the last call that ended, without 429s and lost ones.'),
  error_rate: share
    .nullable()
    .describe(
      'Of the calls that ended in the last half minute, without 429s and lost ones; null: none in a minute.',
    ),
  mean_latency_ms: count.nullable().describe('Of about the last twenty calls answered.'),
  latency_ms: latency.describe(
    'Of the calls answered in the last ten to twenty minutes; null without any.',
  ),
  mean_output_tokens: count.nullable(),
  cost_usd: count,
  paused_for_ms: count,
  used,
});

const armFigures = z.object({
  calls: z.int(),
  jobs: z.int().describe('That it answered.'),
  success_rate: share
    .nullable()
    .describe(
      'Of its calls, without those that say nothing of the arm: 401, 403, 429 and cancelled ones; null without any.',
    ),
  mean_latency_ms: count.nullable().describe('Of calls that succeeded.'),
  latency_ms: latency.describe('Of calls that succeeded, all since `since`; null without any.'),
  input_tokens: z.int(),
  output_tokens: z.int(),
  cost_usd: usd,
  cost_usd_per_job: usd.describe('What all its calls cost, by jobs answered.'),
});

const arms = z
  .object({
    since: unix.nullable().describe('The first call since the strategy is set as it is now.'),
    calls: z.int(),
    spilled: z
      .int()
      .describe('Calls that were not made where they belonged: no room there, or not to be used.'),
    compared: z.array(
      z.object({
        name: text.nullable().describe('An arm, or a region; null = what belongs to none.'),
        wanted: share.nullable().describe('Share of the jobs that it should get.'),
        got: share.nullable().describe('Share of the calls that it got, spilled ones among them.'),
        spilled_away: z.int().describe('Calls meant for it that were made elsewhere.'),
        as_wanted: armFigures.describe('Calls that were meant for it: compare these.'),
        spilled_here: armFigures.describe('Calls that were meant for another one.'),
      }),
    ),
  })
  .nullable()
  .describe('With `split` and `region`: how the arms compare. Null with other strategies.');

export const Pool = z.object({
  id,
  aliases: z.array(text),
  strategy: z.looseObject({ name: text }),
  tiers: z.array(z.array(text)),
  queued: z
    .int()
    .describe(
      'Jobs and lines that wait for a place, on queues, in the ledger, or not fed yet; those of batches that are paused or validated are not among them.',
    ),
  in_flight: z.int(),
  deployments: z.array(
    z.object({
      id,
      tier: z.int(),
      state,
      share: share
        .nullable()
        .describe('Of the pool’s work placed in the last half minute; null: none in a minute.'),
      capacity_share: share
        .nullable()
        .describe('What its limits would let it carry of the pool’s work.'),
    }),
  ),
  arms,
});

const budgetLimits = {
  limits: limitsOf.describe('In force.'),
  overridden: z
    .object({ limits: limitsOf })
    .nullable()
    .describe('What is set over the config; null = nothing.'),
  configured: z.object({ limits: limitsOf }),
};

export const Budget = z.object({
  id,
  ...budgetLimits,
  deployments: z.array(text),
  paused_for_ms: count,
  in_flight: z.int(),
  at_once: z
    .object({ limit: count, why: text })
    .nullable()
    .describe('Calls at once where that is not configured alone.'),
  used,
});

export const BudgetSettings = z.object({
  id,
  object: z.literal('budget'),
  ...budgetLimits,
  deployments: z.array(text),
});
