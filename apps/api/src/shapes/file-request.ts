/** What the routes of files and uploads take. */
import { z } from 'zod';
import { expiresAfter, wholeText } from './fields.ts';

const PURPOSES = ['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'] as const;

/** Fields of the multipart form beside the file. */
export const fileForm = z.strictObject({
  purpose: z.enum(PURPOSES),
  'expires_after[anchor]': z.literal('created_at').optional(),
  'expires_after[seconds]': wholeText(3_600, 2_592_000).optional(),
});

export const filesQuery = z.strictObject({
  purpose: z.string().optional(),
  limit: wholeText(1, 10_000).default(10_000),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().optional().describe('The last id of the page before.'),
});

export const uploadRequest = z.strictObject({
  filename: z.string().min(1).max(512),
  purpose: z.enum(PURPOSES),
  bytes: z.int().min(1),
  mime_type: z.string().min(1).max(256),
  expires_after: expiresAfter.optional(),
});

export const completeRequest = z.strictObject({
  part_ids: z.array(z.string()).min(1).max(10_000).describe('All parts, in order.'),
  md5: z
    .string()
    .regex(/^[0-9a-fA-F]{32}$/, '32 hex digits')
    .optional(),
});
