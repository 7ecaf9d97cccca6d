/** What /v1/usage and /admin/usage take. */
import { z } from 'zod';
import { wholeText } from './fields.ts';

/** Seconds of the year 5138. */
const SECONDS = 1e11;
const BUCKETS = ['hour', 'day', 'total'] as const;
export type BucketWidth = (typeof BUCKETS)[number];
/** A month of days, a day of hours. */
const USUAL_BUCKETS = 31;
/** A week of hours. */
const MOST_BUCKETS = 168;

const shared = {
  from: wholeText(0, SECONDS)
    .optional()
    .describe(
      'Unix seconds; its whole hour counts. Absent = the 24 hours that end with that of `to`.',
    ),
  to: wholeText(0, SECONDS)
    .optional()
    .describe('Unix seconds; its hour counts where it has begun. Absent = now.'),
  bucket: z.enum(BUCKETS).default('hour').describe('Days are those of UTC.'),
  limit: wholeText(1, MOST_BUCKETS).default(USUAL_BUCKETS).describe('Buckets on a page.'),
  page: wholeText(0, SECONDS).optional().describe('The `next_page` of the page before.'),
};

const groups = (names: string) =>
  z
    .string()
    .optional()
    .describe(`${names} or metadata.<key>, with a key of \`usage.metadata_keys\`.`);

export const usageQuery = z.strictObject({ group_by: groups('pool, deployment'), ...shared });
export const adminUsageQuery = z.strictObject({
  group_by: groups('tenant, pool, deployment'),
  ...shared,
});
