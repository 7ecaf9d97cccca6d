/** Webhook endpoints and deliveries to them, as the API answers with them. */
import { EVENT_TYPES } from '@sluice/job';
import { z } from 'zod';
import { id, unix, text, count } from './values.ts';

export const WebhookEndpoint = z.object({
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

export const WebhookDelivery = z.object({
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
