/** What the routes of webhook endpoints take: OpenAI's management API, and `status`. */
import { EVENT_TYPES } from '@sluice/job';
import { z } from 'zod';
import { wholeText } from './fields.ts';

const name = z.string().min(1).max(256).describe('For people.');
const url = z
  .string()
  .min(1)
  .max(2_048)
  .describe('Where events are sent: https, a public address.');
const eventTypes = z
  .array(z.enum(EVENT_TYPES))
  .min(1)
  .max(EVENT_TYPES.length)
  .refine((types) => new Set(types).size === types.length, 'each type once')
  .describe('What it is told of; the whole list is replaced.');

export const endpointRequest = z.strictObject({ name, url, event_types: eventTypes });

export const endpointChange = z.strictObject({
  name: name.optional(),
  url: url.optional(),
  event_types: eventTypes.optional(),
  status: z
    .enum(['active', 'disabled'])
    .optional()
    .describe('`active` takes a disabled endpoint into service again.'),
});

export const rotateRequest = z.strictObject({
  keep_old_secret_active_for_24_hours: z.boolean().default(false),
});

export const testRequest = z.strictObject({ event_type: z.enum(EVENT_TYPES) });

export const endpointsQuery = z.strictObject({
  after: z.string().optional().describe('The last id of the page before.'),
  limit: wholeText(1, 100).default(20),
});
