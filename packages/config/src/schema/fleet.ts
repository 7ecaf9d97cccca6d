/** The sections that say what can be called: providers, deployments, budgets, pools. */
import { STRATEGY_KINDS, STRATEGY_NAMES } from '@sluice/balancing';
import type { StrategyKind } from '@sluice/balancing';
import { OUTCOMES } from '@sluice/job';
import { z } from 'zod';
import {
  amount,
  calls,
  deploymentName,
  headers,
  httpUrl,
  name,
  oneOrMore,
  price,
  providerKey,
  text,
  tokens,
  weight,
  whole,
} from './fields.ts';
import { PROVIDER_TYPES } from './provider-types.ts';
import type { ProviderTypeName } from './provider-types.ts';
import { simulate } from './simulate.ts';

const DAY_MS = 86_400_000;

/** Of a deployment that says nothing. */
export const USUAL_MAX_TOKENS = 1_024;

const output = z
  .enum(['max_tokens', 'actual'])
  .optional()
  .describe(
    'How output tokens count against `tpm`, `tpd` and `otpm`: `max_tokens` = the maximum a request asks for, taken when it is sent; `actual` = what was produced.',
  );
const reservation = z
  .enum(['kept', 'released'])
  .optional()
  .describe(
    'With `output: max_tokens`, what becomes of the part that was not produced: `kept` = it stays charged (OpenAI); `released` = it is given back when the request has ended (Azure, Bedrock). Given back it counts for limits per day and pays for calls that cost more than booked.',
  );

const accounting = z
  .strictObject({
    output,
    reservation,
    cached_input: z
      .enum(['counts', 'free'])
      .optional()
      .describe('Whether input read from the provider’s cache counts (OpenAI) or not (Anthropic).'),
    failed_requests: z
      .enum(['count', 'free'])
      .optional()
      .describe(
        'Whether a call that the provider refused or failed counts (OpenAI). `count` is the careful choice.',
      ),
    output_multiplier: amount(1_000)
      .optional()
      .describe('What one output token counts, e.g. 5 for Claude 4 on Bedrock.'),
    input_and_output: z
      .enum(['sum', 'larger'])
      .optional()
      .describe(
        'What `tpm` and `tpd` count: input plus output, or the larger of the two, as OpenAI documents it. `sum` is the careful choice. Not for limits on input or output alone.',
      ),
  })
  .describe(
    'How the provider counts. By default as the vendor of the `type` documents it: openai `max_tokens`, kept, cached input counts; anthropic `actual`, cached input free; both count failed requests and every token once. Set what differs for another vendor behind the same format; a deployment overrides its provider, setting by setting.',
  );

const sharedAccounting = z
  .strictObject({ output, reservation })
  .describe(
    'How output counts against these limits. By default as most carefully among its deployments.',
  );

const limits = {
  rpm: amount().optional().describe('Requests per minute.'),
  tpm: amount().optional().describe('Tokens per minute, input and output together.'),
  itpm: amount().optional().describe('Input tokens per minute.'),
  otpm: amount().optional().describe('Output tokens per minute.'),
  rpd: amount().optional().describe('Requests in any 24 hours.'),
  tpd: amount().optional().describe('Tokens in any 24 hours.'),
  concurrency: calls().optional().describe('Calls in flight at once.'),
  usd_per_day: amount().optional().describe('US dollars in any 24 hours; needs a `price`.'),
  usd_per_month: amount().optional().describe('US dollars in any 30 days; needs a `price`.'),
};

export const provider = z.strictObject({
  type: z
    .enum(Object.keys(PROVIDER_TYPES) as [ProviderTypeName, ...ProviderTypeName[]])
    .describe('The wire format: `openai` for OpenAI and every server that speaks like it.'),
  api_key: providerKey()
    .optional()
    .describe(
      'The account’s key, best as `${NAME}`. Leave it out for a server that asks for none.',
    ),
  base_url: httpUrl()
    .optional()
    .describe(
      `Where the API is. Default by type: ${Object.entries(PROVIDER_TYPES)
        .map(([type, { baseUrl }]) => `${type} \`${baseUrl}\``)
        .join(', ')}.`,
    ),
  headers: headers()
    .prefault({})
    .describe('Added to every call to this account, e.g. `OpenAI-Organization`.'),
  accounting: accounting.optional(),
});

export const deployment = z.strictObject({
  provider: oneOrMore(name().meta({ allowed: 'the name of a provider' })).describe(
    'The account to call. A list makes one deployment of each, `mini@openai-a`, `mini@openai-b`, each with these limits of its own.',
  ),
  model: text().describe('The model name sent to the provider.'),
  region: text()
    .optional()
    .describe('Where it runs; shown, and for strategies that prefer a region.'),
  weight: weight()
    .prefault(1)
    .describe(
      'Its share in `weighted`; breaks ties elsewhere. 0 = nothing new, in every strategy.',
    ),
  limits: z
    .strictObject(limits)
    .prefault({})
    .describe('What the account allows this model. An absent limit is unlimited until learnt.'),
  budget: oneOrMore(name().meta({ allowed: 'the name of a budget' }))
    .optional()
    .describe('Budgets it shares with others, besides its own `limits`: all must admit.'),
  price: z
    .strictObject({
      input: price().describe('Input tokens.'),
      output: price().describe('Output tokens.'),
      cached_input: price()
        .optional()
        .describe('Input tokens read from the provider’s cache; absent = as `input`.'),
    })
    .optional()
    .describe(
      'US dollars per million tokens. Without it costs are null and money limits cannot count.',
    ),
  timeout_ms: whole(1, 3_600_000)
    .prefault(60_000)
    .describe(
      'A call that takes longer is given up and tried elsewhere. Raise it for long answers. So long may a worker need that is told to stop: it finishes the calls it has begun.',
    ),
  default_max_tokens: tokens(1)
    .prefault(USUAL_MAX_TOKENS)
    .describe(
      'Output tokens assumed for a request that sets no maximum, until real answers teach better; sent where the format demands a maximum (anthropic). Where `params` put in a maximum, that is assumed.',
    ),
  output_cap: tokens(1)
    .nullable()
    .prefault(null)
    .describe(
      'Output tokens at most of a request that sets no maximum: put into it when it is sent, shared by its answers if it asks for several, and booked instead of `default_max_tokens`. An answer that would be longer is cut off; its attempt says `output_cap`. Set it where the maximum counts against limits, or a model without one writes on and on. null = nothing is put in.',
    ),
  output_cap_param: z
    .enum(['max_tokens', 'max_completion_tokens'])
    .prefault('max_tokens')
    .describe(
      'What the model calls its maximum in chat completions: `max_completion_tokens` for OpenAI’s reasoning models, which refuse the other. Elsewhere there is one name for it.',
    ),
  params: z
    .record(z.string(), z.json())
    .prefault({})
    .meta({ allowed: 'names with any values' })
    .describe(
      'Added to every request body that does not set them; `stream: true` and `background: true` are refused.',
    ),
  headers: headers().prefault({}).describe('Added to every call’s headers.'),
  query: z
    .record(z.string(), text())
    .prefault({})
    .meta({ allowed: 'names with texts' })
    .describe('Added to every call’s URL, e.g. Azure’s `api-version`.'),
  drop_params: z
    .array(text())
    .prefault([])
    .meta({ allowed: 'a list of parameter names' })
    .describe(
      'Parameters that may be left out where the wire format cannot express them; otherwise such a job goes elsewhere.',
    ),
  accounting: accounting.optional(),
  simulate,
});

export const budget = z.strictObject({ ...limits, accounting: sharedAccounting.optional() });

/** A failure in this class lets a job go on to the next tier. */
const NEXT_TIER = [
  'overloaded',
  'timeout',
  'network',
  'model_gone',
  'provider_error',
  'credential',
  'quota_exhausted',
] as const;

const tier = z
  .array(deploymentName())
  .min(1)
  .meta({ allowed: 'a list of deployment names, not empty' });

const describeStrategy = (kind: StrategyKind): string => {
  const set = kind.settings.map((each) => `\`${each.name}\``).join(', ');
  return `\`${kind.name}\`: ${kind.summary}${set ? ` (settings: ${set})` : ''}`;
};

const poolSection = z.strictObject({
  strategy: z
    .union([
      z.string().meta({ allowed: 'the name of a strategy' }),
      z
        .looseObject({ name: z.string() })
        .meta({ allowed: 'an object with `name` and its settings' }),
    ])
    .prefault('capacity')
    .meta({
      allowed: `a strategy: ${STRATEGY_NAMES.join(', ')}, or an object with \`name\` and its settings`,
    })
    .describe(
      `Who in the tier goes first: ${STRATEGY_KINDS.map(describeStrategy).join('; ')}. More on each: strategies.md.`,
    ),
  tiers: z
    .array(tier)
    .min(1)
    .meta({ allowed: 'a list of tiers, each a list of deployment names: `[[mini], [haiku]]`' })
    .describe(
      'Fallback order. A tier is left only when all in it are paused, blocked or broken, or when the job failed there with a class in `on`. `mini` means all of `mini@…`.',
    ),
  aliases: z
    .array(text())
    .prefault([])
    .meta({ allowed: 'a list of names' })
    .describe('Other names for the pool, so that client code need not change.'),
  on: z
    .array(z.enum(OUTCOMES).exclude(['ok']))
    .prefault([...NEXT_TIER])
    .describe('Failure classes after which a job may go on to the next tier.'),
  spill_after_ms: whole(0, 30 * DAY_MS)
    .nullable()
    .prefault(null)
    .describe(
      'Leave a tier whose budgets are full after this long. null = wait for them. A line of a batch waits from when the tier last took one of its tenant and pool: as long as the tier goes on with them a backlog is no wait.',
    ),
});

const plainList = z
  .array(deploymentName())
  .min(1)
  .transform((only) => poolSection.parse({ tiers: [only] }))
  .meta({ allowed: 'a list of deployment names, not empty' });

export const pool = z.union([plainList, poolSection]);
