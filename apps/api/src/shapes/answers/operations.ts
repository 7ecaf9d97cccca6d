/** What operators are answered beside the fleet: the plan, a reload, dead jobs. */
import { OUTCOMES } from '@sluice/job';
import { z } from 'zod';
import { id, unix, text, count, share, usd } from './values.ts';

const difference = z.object({
  added: z.array(text),
  removed: z.array(text),
  changed: z.array(text),
});

export const Reload = z.object({
  object: z.literal('reload'),
  deployments: difference,
  pools: difference,
  limits: z.array(text).describe('Deployments and budgets whose limits changed.'),
  needs_restart: z
    .array(text)
    .describe('Sections and variables that differ and take effect at the next start.'),
  warnings: z.array(text),
});

export const DeadJob = z.object({
  id: id.describe('A job’s, or a batch line’s.'),
  object: z.literal('dead_job'),
  code: z.enum(OUTCOMES).describe('How its last attempt ended.'),
  pool: text.nullable().describe('Null for a line of a batch over several pools.'),
  died_at: unix,
});

export const Replay = z.object({
  object: z.literal('replay'),
  replayed: z.array(z.object({ id, job: id.describe('The new job.') })),
  skipped: z.array(z.object({ id, reason: text })),
  has_more: z.boolean().describe('Ask again for the rest.'),
});

export const Plan = z.object({
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
