/** What PATCH /admin/deployments/{id} and /admin/budgets/{id} take. `null` clears: the config's value is in force again. */
import { z } from 'zod';

/** As in the config file. */
const SMALLEST = 1e-3;
const LARGEST = 1e15;

const amount = z.number().min(SMALLEST).max(LARGEST).nullable().optional();
const calls = z.int().min(1).max(1_000_000).nullable().optional();

const limits = z.strictObject({
  rpm: amount,
  tpm: amount,
  itpm: amount,
  otpm: amount,
  rpd: amount,
  tpd: amount,
  concurrency: calls,
  usd_per_day: amount,
  usd_per_month: amount,
});

const limitsPatch = limits
  .nullable()
  .optional()
  .describe('Only the limits named change; null for one of them, or for all = as the config says.');

export const budgetPatch = z.strictObject({ limits: limitsPatch });

export const deploymentPatch = z.strictObject({
  weight: z
    .number()
    .min(0)
    .max(1_000_000)
    .nullable()
    .optional()
    .describe('0 = nothing new. null = as the config says.'),
  limits: limitsPatch,
  state: z
    .enum(['active', 'draining', 'paused'])
    .nullable()
    .optional()
    .describe(
      '`draining`: nothing new, what is placed on it is finished. `paused`: calls in flight are finished, what waits goes elsewhere. `active` or null: neither.',
    ),
});
