/** The section that chooses pools by what a request is, before any deployment is looked at. */
import { ENDPOINTS, PRIORITIES } from '@sluice/job';
import { DAYS, isTimeZone } from '@sluice/routing';
import { z } from 'zod';
import { flag, name, oneOrMore, percent, text, tokens, whole } from './fields.ts';

const range = (unit: string) =>
  z.strictObject({
    min: tokens(0).optional().describe(`At least so many ${unit}.`),
    max: tokens(0).optional().describe(`At most so many ${unit}.`),
  });

/** Minutes since midnight. */
const timeOfDay = () =>
  z
    .string()
    .transform((value, context) => {
      const [, hour = '', minute = ''] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(value) ?? [];
      if (hour !== '') return 60 * Number(hour) + Number(minute);
      context.addIssue({ code: 'custom', message: 'not a time of day' });
      return z.NEVER;
    })
    .meta({ allowed: 'a time of day as HH:MM, from 00:00 to 23:59' });

const time = z.strictObject({
  from: timeOfDay().prefault('00:00').describe('First minute that belongs to it.'),
  to: timeOfDay()
    .prefault('00:00')
    .describe('First minute that no longer does; not after `from` = over midnight.'),
  days: z
    .array(z.enum(DAYS))
    .min(1)
    .prefault([...DAYS])
    .meta({ allowed: `a list of days, not empty: ${DAYS.join(', ')}` })
    .describe('Days on which it begins.'),
  zone: z
    .string()
    .refine(isTimeZone)
    .prefault('UTC')
    .meta({ allowed: 'the name of a time zone such as `Europe/Zurich` or `UTC`' })
    .describe('Whose clock.'),
});

const pattern = () => text().meta({ allowed: 'a name; `*` stands for any characters' });

const when = z.strictObject({
  endpoint: oneOrMore(z.enum(ENDPOINTS)).optional().describe('The endpoint called.'),
  model: oneOrMore(pattern())
    .optional()
    .describe(
      'The model as the client named it, or the pool that this names. `*` stands for any characters. It may be a name that no pool has: this route then makes it one.',
    ),
  tenant: oneOrMore(name().meta({ allowed: 'the name of a tenant' }))
    .optional()
    .describe('Who asks.'),
  priority: oneOrMore(z.enum(PRIORITIES))
    .optional()
    .describe('The band asked for, for a batch line its batch’s.'),
  input_tokens: range('tokens')
    .optional()
    .describe('Estimated size of the input, at four characters a token.'),
  output_tokens: range('tokens')
    .optional()
    .describe('The maximum that the request sets; one that sets none has no upper end.'),
  tools: flag().optional().describe('Whether it offers tools or functions.'),
  images: flag().optional().describe('Whether it shows images.'),
  json_schema: flag().optional().describe('Whether it asks for an answer by a JSON schema.'),
  metadata: z
    .record(z.string(), oneOrMore(pattern()))
    .optional()
    .meta({ allowed: 'keys with a value or a list of values; `*` stands for any characters' })
    .describe(
      'Values that its metadata has: of the job, for a batch line of its batch, else in the body.',
    ),
  tags: oneOrMore(text())
    .optional()
    .meta({ allowed: 'a key or a list of keys' })
    .describe('Keys that its metadata has, whatever their values.'),
  time: time.optional().describe('When it is accepted; for a batch line, when its batch was.'),
});

const poolName = () => name().meta({ allowed: 'the name of a pool' });

export const route = z.strictObject({
  name: name().optional().describe('What log lines call it; absent = its place in the list.'),
  when: when
    .prefault({})
    .describe('All conditions must hold; of a list, one. None = every request.'),
  pool: z
    .union([poolName(), z.record(poolName(), percent())])
    .meta({ allowed: 'the name of a pool, or pools with percentages: `{ old: 90, next: 10 }`' })
    .describe(
      'Where such requests go. Percentages add up to 100; the same affinity key (else the body’s `user`, else the job or `custom_id`) always goes the same way, and raising a percentage moves only as many as it says.',
    ),
  max_tier: whole(1, 100)
    .optional()
    .describe('They stay in the pool’s first so many tiers. Not for batch lines.'),
  priority: z
    .enum(PRIORITIES)
    .optional()
    .describe('The band they get, whatever they ask for. Not for batch lines.'),
});

export const routes = z
  .array(route)
  .prefault([])
  .meta({ allowed: 'a list of routes' })
  .describe(
    'Choose the pool by what the request is: the first route whose conditions hold decides, else the pool that the request names. `deployment/<id>` is not routed.',
  );
