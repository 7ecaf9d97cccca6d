/** What /admin/dead takes: which of the jobs that are out of attempts. */
import { OUTCOMES } from '@sluice/job';
import { z } from 'zod';
import { wholeText } from './fields.ts';

const codes = OUTCOMES.filter((outcome) => outcome !== 'ok');
const pool = z.string().min(1).max(256).describe('Of this pool.');
const code = z.enum(codes).describe('Whose last attempt failed so.');
const SECONDS = 1e11;

export const deadQuery = z.strictObject({
  pool: pool.optional(),
  code: code.optional(),
  since: wholeText(0, SECONDS).optional().describe('Dead since then, Unix seconds.'),
  after: z.string().optional().describe('The last id of the page before.'),
  limit: wholeText(1, 100).default(20),
});

export const replayRequest = z.strictObject({
  ids: z
    .array(z.string().min(1).max(256))
    .min(1)
    .max(1_000)
    .optional()
    .describe('These; absent = all that fit the rest.'),
  pool: pool.optional(),
  code: code.optional(),
  since: z.number().min(0).max(SECONDS).optional().describe('Dead since then, Unix seconds.'),
});
