/**
 * What the API answers with, for /openapi.json: one shape per object, by the name it has there. Tests hold real answers
 * against them, to the field.
 */
import { ENDPOINTS, EVENT_TYPES, JOB_STATUSES, OUTCOMES, PRIORITIES } from '@sluice/job';
import type { Job } from '@sluice/job';
import { z } from 'zod';
import type { BatchObject } from '../batch-object.ts';
import type { UsageRow } from '../usage-report.ts';
import type { DryRunObject } from '../handlers/dry-run.ts';
import { batchStatus } from './batch-request.ts';

const id = z.string();
const unix = z.int().describe('Unix seconds.');
const text = z.string();
const count = z.number();
const share = z.number().describe('0 to 1.');
const usd = z.number().nullable().describe('US dollars; null where a price is unknown.');
const texts = z.record(z.string(), z.string());

const usage = z.object({
  input_tokens: count.describe('Includes cached ones.'),
  cached_tokens: count,
  output_tokens: count.describe('Includes reasoning.'),
  reasoning_tokens: count,
});

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

const Job = z.object({
  id,
  object: z.literal('job'),
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
      'When GET /v1/jobs/{id} finds it queued and no deployment of its pool usable, or its tenant at a limit of its own (`rpm`, `tpm`, `concurrency`; no deployments then): why.',
    ),
  url: text
    .optional()
    .describe(
      'In a list, where `result` is null for being larger than 256 KiB: where the job is whole.',
    ),
}) satisfies z.ZodType<Job>;

const batchErrors = z
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
  priority: z.enum(PRIORITIES),
  paused: z.boolean(),
  paused_reason: text.nullable(),
  eta_at: unix
    .nullable()
    .describe('When it is expected to be done, by the plan in force and its tenant’s turns.'),
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
    .describe('Deployments of its pools that take nothing now.'),
  waiting: z
    .object({ reason: text })
    .nullable()
    .describe(
      'The limit of its tenant’s own (`rpm`, `tpm`, `concurrency`) that its lines wait for.',
    ),
  retry_of: id.nullable(),
});

const Batch = z.object({
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

const DryRun = z.object({
  object: z.literal('batch.dry_run'),
  endpoint: z.enum(ENDPOINTS),
  valid: z.boolean().describe('Whether a batch of it would run: false with a single bad line.'),
  lines: z.int(),
  bad_lines: z.int(),
  errors: batchErrors,
  ...estimate,
  ideal_ms: count
    .nullable()
    .describe('T*, had it everything to itself, whatever it costs; null without deployments.'),
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
  says: z.string().describe('Which plan the figures are of, in words.'),
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
            max_tokens: assumption.describe('Booked at first where a line sets no maximum.'),
            latency_ms: maybeAssumption.describe(
              'Mean of a call; null = not known, before the first answer.',
            ),
          }),
        )
        .describe('Those that the lines may go to.'),
    })
    .describe('What the figures go by where nobody can know.'),
}) satisfies z.ZodType<DryRunObject>;

const File = z.object({
  id,
  object: z.literal('file'),
  bytes: z.int(),
  created_at: unix,
  expires_at: unix.optional(),
  filename: text,
  purpose: text,
  status: z.literal('processed'),
  status_details: z.null(),
});

const Upload = z.object({
  id,
  object: z.literal('upload'),
  bytes: z.int(),
  created_at: unix,
  expires_at: unix,
  filename: text,
  purpose: text,
  status: z.enum(['pending', 'completed', 'cancelled', 'expired']),
  file: File.nullable().describe('Once it is completed.'),
});

const UploadPart = z.object({
  id,
  object: z.literal('upload.part'),
  created_at: unix,
  upload_id: id,
});

const Model = z.object({
  id: id.describe('A pool or an alias.'),
  object: z.literal('model'),
  created: unix,
  owned_by: z.literal('sluice'),
});

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

const Deployment = z.object({
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
  success_rate: share.nullable().describe('Of its calls.'),
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

const Pool = z.object({
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

const Budget = z.object({
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

const BudgetSettings = z.object({
  id,
  object: z.literal('budget'),
  ...budgetLimits,
  deployments: z.array(text),
});

const difference = z.object({
  added: z.array(text),
  removed: z.array(text),
  changed: z.array(text),
});

const Reload = z.object({
  object: z.literal('reload'),
  deployments: difference,
  pools: difference,
  limits: z.array(text).describe('Deployments and budgets whose limits changed.'),
  needs_restart: z
    .array(text)
    .describe('Sections and variables that differ and take effect at the next start.'),
  warnings: z.array(text),
});

const DeadJob = z.object({
  id: id.describe('A job’s, or a batch line’s.'),
  object: z.literal('dead_job'),
  code: z.enum(OUTCOMES).describe('How its last attempt ended.'),
  pool: text.nullable().describe('Null for a line of a batch over several pools.'),
  died_at: unix,
});

const Replay = z.object({
  object: z.literal('replay'),
  replayed: z.array(z.object({ id, job: id.describe('The new job.') })),
  skipped: z.array(z.object({ id, reason: text })),
  has_more: z.boolean().describe('Ask again for the rest.'),
});

const Plan = z.object({
  object: z.literal('plan'),
  made_at: unix.nullable(),
  ideal_ms: count.nullable().describe('T*: no schedule of what waits is shorter.'),
  planned_ms: count.nullable(),
  cost_usd: usd,
  classes: z.array(
    z.object({
      id: text,
      lines: count,
      done_in_ms: count.nullable(),
      quotas: z.record(z.string(), count).describe('Lines by deployment.'),
      says: text.nullable(),
    }),
  ),
  limits: z.array(
    z.object({
      budget: text,
      dimension: text,
      used: share,
      scarce: z.boolean(),
      price_ms: count.describe('Shorter by so much with one more unit at the start.'),
      saves_ms: count.describe('With one more unit per minute; a slot for concurrency.'),
    }),
  ),
  late: z
    .array(z.object({ id: text, late_by_ms: count }))
    .describe('Classes that cannot meet their deadline.'),
  unplaced: z.array(text).describe('Classes that no deployment can run now.'),
  deployments: z.record(z.string(), text).describe('Why each gets what it gets.'),
});

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

const Usage = z.object({
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

const listOf = (one: z.ZodType) => z.object({ object: z.literal('list'), data: z.array(one) });

const pageOf = (one: z.ZodType) =>
  z.object({
    object: z.literal('list'),
    data: z.array(one),
    first_id: id.nullable(),
    last_id: id.nullable().describe('`after` for the next page.'),
    has_more: z.boolean(),
  });

const WebhookEndpoint = z.object({
  id,
  object: z.literal('webhook_endpoint'),
  created_at: unix,
  updated_at: unix.nullable(),
  name: text,
  url: text,
  event_types: z.array(z.enum(EVENT_TYPES)),
  signing_secret_hint: text.describe('The end of the secret that signs now.'),
  status: z.enum(['active', 'disabled']),
  disabled_reason: text.nullable(),
  disabled_at: unix.nullable(),
  failing_since: unix.nullable().describe('Since when no delivery has succeeded.'),
});

const WebhookDelivery = z.object({
  id,
  object: z.literal('webhook_delivery'),
  webhook_endpoint_id: id,
  event_id: id.describe('The `webhook-id` of all its attempts.'),
  event_type: z.enum(EVENT_TYPES),
  subject: id.describe('The job, batch or endpoint that it tells of.'),
  status: z
    .enum(['pending', 'delivered', 'failed', 'dropped'])
    .describe('`dropped`: the job is past its retention, or the endpoint takes no more.'),
  created_at: unix,
  next_attempt_at: unix.nullable(),
  redeliveries: z.int(),
  attempts: z
    .array(
      z.object({
        at: count.describe('Unix seconds, fractional.'),
        took_ms: count,
        status_code: z.int().nullable(),
        error: text.nullable(),
      }),
    )
    .describe('The last twenty, oldest first.'),
});

/** By name in `components.schemas`. */
export const SHAPES = {
  Job,
  JobPage: pageOf(Job),
  Batch,
  DryRun,
  BatchPage: pageOf(Batch),
  File,
  FilePage: pageOf(File),
  Upload,
  UploadPart,
  Deleted: z.object({ id, object: text, deleted: z.literal(true) }),
  Model,
  ModelList: listOf(Model),
  ProviderAnswer: z
    .looseObject({})
    .describe(
      'The provider’s own body, under its own status; `x-sluice-job-id` names the job, `x-sluice-output-cap` the maximum that was put in for want of one.',
    ),
  WebhookEndpoint,
  WebhookEndpointWithSecret: WebhookEndpoint.extend({
    signing_secret: text.describe('Told here only: keep it.'),
  }),
  WebhookEndpointPage: pageOf(WebhookEndpoint),
  WebhookEndpointDeleted: z.object({
    id,
    object: z.literal('webhook_endpoint.deleted'),
    deleted: z.boolean(),
  }),
  WebhookEndpointTest: z.object({
    object: z.literal('webhook_endpoint.test'),
    webhook_endpoint_id: id,
    event_type: z.enum(EVENT_TYPES),
    status_code: z.int(),
    success: z.literal(true),
  }),
  WebhookDelivery,
  WebhookDeliveryPage: pageOf(WebhookDelivery),
  WebhookEventTypes: z.object({ object: z.literal('list'), data: z.array(z.enum(EVENT_TYPES)) }),
  WebhookSecret: z.object({ object: z.literal('webhook_secret'), secret: text.nullable() }),
  Plan,
  PoolList: listOf(Pool),
  Deployment,
  DeploymentList: listOf(Deployment),
  Reload,
  DeadJobPage: pageOf(DeadJob),
  Replay,
  BudgetList: listOf(Budget),
  BudgetSettings,
  Usage,
  Links: z.object({ object: z.literal('links'), title: text, says: text, at: texts }),
  Health: z.object({ status: z.literal('ok') }),
  Readiness: z.object({
    status: z.enum(['ready', 'not_ready']),
    missing: z.array(text).describe('What is not there.'),
  }),
  Description: z.looseObject({}).describe('OpenAPI 3.1.'),
} as const satisfies Record<string, z.ZodType>;

export type ShapeName = keyof typeof SHAPES;
