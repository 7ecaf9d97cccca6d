/** Files and uploads, as the API answers with them. */
import { z } from 'zod';
import { id, unix, text } from './values.ts';

export const File = z.object({
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

export const Upload = z.object({
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

export const UploadPart = z.object({
  id,
  object: z.literal('upload.part'),
  created_at: unix,
  upload_id: id,
});
