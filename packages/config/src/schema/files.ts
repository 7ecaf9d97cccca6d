/** The section that says where uploads, indexes and results lie. */
import { z } from 'zod';
import { flag, httpUrl, text } from './fields.ts';

const fields = z.strictObject({
  store: z
    .enum(['local', 's3'])
    .prefault('local')
    .meta({ allowed: 'local or s3' })
    .describe(
      '`local` = the folder `files` in `SLUICE_DATA_DIR`, which all processes must share; `s3` = a bucket of Amazon S3 or a compatible store.',
    ),
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/)
    .optional()
    .meta({
      allowed:
        'the name of a bucket, which `store: s3` needs: 3 to 63 of a-z, 0-9, `-` and `.`, the first and last a letter or digit',
    })
    .describe('The bucket; it must be there already. `store: s3` needs it.'),
  prefix: z
    .string()
    .regex(/^(?:[A-Za-z0-9_][A-Za-z0-9._-]*\/)+$/)
    .optional()
    .meta({ allowed: 'a path that ends with `/`, such as `sluice/`' })
    .describe('Put before every name, for a bucket that others use too; absent = none.'),
  region: text().prefault('us-east-1').describe('Region of the bucket.'),
  endpoint: httpUrl()
    .optional()
    .describe('Address of a compatible store; absent = Amazon’s own of the region.'),
  path_style: flag()
    .optional()
    .describe(
      'Whether the bucket stands in the path rather than in the host name; absent = true with an `endpoint`, else false.',
    ),
  access_key_id: text()
    .optional()
    .describe(
      'With `secret_access_key`; absent = found as the AWS tools do: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, a profile, the role of the machine.',
    ),
  secret_access_key: text().optional().describe('Best as `${S3_SECRET_ACCESS_KEY}`.'),
});

export const files = fields
  .superRefine((given, context) => {
    if (given.store === 's3' && given.bucket === undefined) missing(context, 'bucket');
    if (given.access_key_id !== undefined && given.secret_access_key === undefined)
      missing(context, 'secret_access_key');
    if (given.secret_access_key !== undefined && given.access_key_id === undefined)
      missing(context, 'access_key_id');
  })
  .prefault({})
  .describe('Where uploads, the indexes of batches and results lie.');

function missing(context: z.RefinementCtx, field: string): void {
  context.addIssue({ code: 'custom', path: [field], message: 'missing' });
}
