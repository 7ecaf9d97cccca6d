/** What stands in answers of several kinds. */
import { z } from 'zod';

export const id = z.string();
export const unix = z.int().describe('Unix seconds.');
export const text = z.string();
export const count = z.number();
export const share = z.number().describe('0 to 1.');
export const usd = z.number().nullable().describe('US dollars; null where a price is unknown.');
export const texts = z.record(z.string(), z.string());

export const usage = z.object({
  input_tokens: count.describe('Includes cached ones.'),
  cached_tokens: count,
  output_tokens: count.describe('Includes reasoning.'),
  reasoning_tokens: count,
});

export const listOf = (one: z.ZodType) =>
  z.object({ object: z.literal('list'), data: z.array(one) });

export const pageOf = (one: z.ZodType) =>
  z.object({
    object: z.literal('list'),
    data: z.array(one),
    first_id: id.nullable(),
    last_id: id.nullable().describe('`after` for the next page.'),
    has_more: z.boolean(),
  });
