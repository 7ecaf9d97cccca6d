/** The kinds of values that requests are made of. Every message of a custom check reads on from "allowed:". */
import { PRIORITIES } from '@sluice/job';
import { z } from 'zod';

const PAIRS = 16;
const KEY = 64;
const VALUE = 512;

/** OpenAI's metadata: at most 16 pairs of short texts. */
export const metadata = z
  .record(
    z.string().max(KEY, `keys of at most ${KEY} characters`),
    z.string().max(VALUE, `values of at most ${VALUE} characters`),
  )
  .refine((pairs) => Object.keys(pairs).length <= PAIRS, `at most ${PAIRS} pairs`)
  .describe(`At most ${PAIRS} pairs; keys up to ${KEY}, values up to ${VALUE} characters.`);

export const model = z
  .string()
  .min(1)
  .max(256)
  .describe('A pool, an alias of one, or `deployment/<id>`.');

export const priority = z.enum(PRIORITIES);

export const maxTier = z
  .int()
  .min(1)
  .max(100)
  .describe('Last fallback tier it may use; 1 = the first only.');

export const webhookUrl = z
  .string()
  .max(2_048)
  .describe('Where the events of this job or batch are sent, signed.');

/** OpenAI's `expires_after`: from one hour to thirty days. */
export const expiresAfter = z
  .strictObject({
    anchor: z.literal('created_at'),
    seconds: z.int().min(3_600).max(2_592_000),
  })
  .describe('When the file goes, counted from its creation.');

/** Numbers in a query or a form are texts. */
export const wholeText = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, `a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, `a whole number from ${least} to ${most}`)
    .meta({ type: 'integer', minimum: least, maximum: most });

export const flagText = z.enum(['true', 'false']).transform((text) => text === 'true');
