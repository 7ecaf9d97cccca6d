/**
 * Everything that can be set on a simulator, with its default and meaning, in one schema. The same names stand in
 * the JSON file that `SIMULATOR_CONFIG` names, in `startSimulator()` and in `PATCH /_sim/accounts/:id`.
 */
import { z } from 'zod';
import { DAY_MS, WINDOW_KINDS } from '@sluice/windows';

const perMinute = z.number().positive();
const perDay = z.number().positive();
const share = z.number().min(0).max(1);
const milliseconds = z.number().min(0);

const limits = z
  .strictObject({
    rpm: perMinute.optional().describe('requests per minute'),
    tpm: perMinute.optional().describe('tokens per minute, input and output'),
    itpm: perMinute.optional().describe('input tokens per minute'),
    otpm: perMinute.optional().describe('output tokens per minute'),
    rpd: perDay.optional().describe('requests in any day'),
    tpd: perDay.optional().describe('tokens in any day, input and output'),
    concurrency: z.int().positive().optional().describe('calls in flight at once'),
  })
  .describe('what the provider admits; an absent limit is none');

const FAULT_KINDS = [
  'error',
  'refuse_credential',
  'quota_exhausted',
  'model_gone',
  'context_too_long',
  'content_refused',
  'hang',
  'cut',
  'slow',
  'outage',
] as const;

const fault = z
  .strictObject({
    kind: z
      .enum(FAULT_KINDS)
      .describe(
        'error: a 5xx · refuse_credential: 401 · quota_exhausted: the money is gone · model_gone: 404 · ' +
          'context_too_long, content_refused: 400 · hang: accepts and never answers · ' +
          'cut: closes the connection in mid-answer · slow: latency × factor · outage: closes every connection at once',
      ),
    at_ms: milliseconds.default(0).describe('when it begins'),
    for_ms: milliseconds
      .nullable()
      .default(null)
      .describe('how long it lasts; null = until changed'),
    from: z
      .enum(['set', 'first_call'])
      .default('set')
      .describe(
        'what at_ms counts from: set = when the fault was set (the start, a patch or a reset); ' +
          "first_call = the simulator's first call",
      ),
    rate: share.default(1).describe('share of the calls it hits, drawn from the seed'),
    match: z.string().optional().describe('hits only calls whose body contains this text'),
    status: z
      .int()
      .min(400)
      .max(599)
      .optional()
      .describe('HTTP status of error (500) and of quota_exhausted (429; Anthropic 402)'),
    factor: z.number().positive().default(10).describe('of slow: times the usual latency'),
  })
  .describe('something that goes wrong while it lasts');

const latency = z
  .strictObject({
    first_token_ms: milliseconds.default(0).describe('until the first token'),
    per_output_token_ms: milliseconds.default(0).describe('for each output token'),
    per_input_token_ms: milliseconds.default(0).describe('for each input token'),
    jitter: share.default(0).describe('each answer takes up to this share more or less'),
  })
  .describe('how long an answer takes; all 0 = answered in the same turn');

const outputTokens = z
  .union([
    z.int().min(1),
    z.strictObject({
      mean: z.number().positive(),
      spread: z.number().min(0).max(3).default(0.5),
    }),
  ])
  .describe(
    'length of an answer: a number, or log-normal around a mean (spread = sigma); never above max_tokens',
  );

/** How an account behaves; a model of it may differ in any of these. Defaults stand in `behaviour` below. */
const fields = {
  limits,
  limit_group: z
    .string()
    .describe('name in `groups`: its limits are shared and hold besides `limits`'),
  window: z
    .enum(WINDOW_KINDS)
    .describe(
      'how the provider counts; a bucket holds that long of the rate, never less than one unit',
    ),
  initial_fill: share.describe('how full the windows are at the start'),
  day_ms: z
    .number()
    .positive()
    .describe(
      'how long a day of rpd and tpd is: an exact log, whatever the window; short in tests',
    ),
  charge: z
    .enum(['max_tokens', 'released', 'actual'])
    .describe(
      'max_tokens: input + the maximum of output is charged at admission and never given back (OpenAI); ' +
        'released: likewise, and what was not produced is given back at the end (Azure, Bedrock); ' +
        'actual: input at admission, output as it is produced (Anthropic)',
    ),
  output_multiplier: z
    .number()
    .positive()
    .describe('what one output token counts (Bedrock: 5 and more)'),
  input_and_output: z
    .enum(['sum', 'larger'])
    .describe('what tpm counts where the maximum is charged: both, or the larger (OpenAI)'),
  failed_requests_count: z
    .boolean()
    .describe('a refused or failed request takes one request from rpm where one is left (OpenAI)'),
  headers: z.boolean().describe('whether answers carry rate-limit headers'),
  latency,
  output_tokens: outputTokens,
  default_max_tokens: z.int().min(1).describe('assumed where a request sets no maximum of output'),
  embedding_dimensions: z.int().min(1).max(4096).describe('length of an embedding'),
  answer: z.enum(['text', 'echo']).describe("text: made up; echo: the user's last message"),
  error_rate: share.describe('share of calls that fail with status 500'),
  faults: z.array(fault),
};

const behaviour = {
  limits: fields.limits.default({}),
  limit_group: fields.limit_group.optional(),
  window: fields.window.default('bucket_1s'),
  initial_fill: fields.initial_fill.default(1),
  day_ms: fields.day_ms.default(DAY_MS),
  charge: fields.charge.default('max_tokens'),
  output_multiplier: fields.output_multiplier.default(1),
  input_and_output: fields.input_and_output.default('sum'),
  failed_requests_count: fields.failed_requests_count.default(false),
  headers: fields.headers.default(true),
  latency: fields.latency.prefault({}),
  output_tokens: fields.output_tokens.default(60),
  default_max_tokens: fields.default_max_tokens.default(1024),
  embedding_dimensions: fields.embedding_dimensions.default(256),
  answer: fields.answer.default('text'),
  error_rate: fields.error_rate.default(0),
  faults: fields.faults.default([]),
};

/** What one model does: the account's behaviour with the model's own settings over it. */
export const behaviourSchema = z.strictObject(behaviour);

const account = z.strictObject({
  key: z.string().min(1).describe('the API key that chooses this account'),
  format: z
    .enum(['openai', 'anthropic', 'any'])
    .default('any')
    .describe('which wire format it speaks; other paths are unknown to it'),
  models: z
    .record(z.string(), z.strictObject(fields).partial())
    .optional()
    .describe(
      'the models it has, each with what differs; own limits, window, initial_fill or day_ms make limits of its own. ' +
        'Absent: it has every model',
    ),
  ...behaviour,
});

const group = z.strictObject({
  limits: fields.limits,
  window: fields.window.default('bucket_1s'),
  initial_fill: fields.initial_fill.default(1),
  day_ms: fields.day_ms.default(DAY_MS),
});

export const simulatorOptionsSchema = z
  .strictObject({
    seed: z.int().min(0).default(1).describe('all chance comes from it'),
    host: z.string().default('127.0.0.1').describe('address to listen on'),
    port: z.int().min(0).max(65_535).default(0).describe('port to listen on; 0 = any free one'),
    ledger: z.boolean().default(false).describe('keeps every call for GET /_sim/ledger'),
    groups: z
      .record(z.string(), group)
      .default({})
      .describe('limits that several accounts or models share'),
    accounts: z
      .record(z.string().regex(/^[^/]+$/, 'an account id has no slash'), account)
      .describe('by id'),
  })
  .superRefine((options, context) => {
    for (const [path, name] of groupUses(options.accounts)) {
      if (options.groups[name] !== undefined) continue;
      const known = Object.keys(options.groups).join(', ') || 'none';
      context.addIssue({
        code: 'custom',
        path,
        message: `no group "${name}"; there are: ${known}`,
      });
    }
    for (const id of Object.keys(options.groups)) {
      if (options.accounts[id] === undefined) continue;
      context.addIssue({
        code: 'custom',
        path: ['groups', id],
        message: 'also the id of an account',
      });
    }
    for (const [id, twin] of sameKeys(options.accounts)) {
      context.addIssue({
        code: 'custom',
        path: ['accounts', id, 'key'],
        message: `also of ${twin}`,
      });
    }
  });

type Accounts = Record<string, z.output<typeof account>>;

function groupUses(accounts: Accounts): [string[], string][] {
  return Object.entries(accounts).flatMap(([id, { limit_group: own, models = {} }]) => {
    const uses: [string[], string | undefined][] = [[['accounts', id, 'limit_group'], own]];
    for (const [model, settings] of Object.entries(models)) {
      uses.push([['accounts', id, 'models', model, 'limit_group'], settings.limit_group]);
    }
    return uses.filter((use): use is [string[], string] => use[1] !== undefined);
  });
}

function sameKeys(accounts: Accounts): [string, string][] {
  const owners = new Map<string, string>();
  return Object.entries(accounts).flatMap(([id, { key }]) => {
    const twin = owners.get(key);
    owners.set(key, twin ?? id);
    return twin === undefined ? [] : [[id, twin] as [string, string]];
  });
}

/** As a caller writes them: defaults may be left out. */
export type SimulatorOptions = z.input<typeof simulatorOptionsSchema>;
export type ParsedOptions = z.output<typeof simulatorOptionsSchema>;
export type ParsedAccount = z.output<typeof account>;
export type Behaviour = z.output<typeof behaviourSchema>;
export type Fault = z.output<typeof fault>;
export type FaultKind = Fault['kind'];

/** Reads options, or says every mistake: path and what is allowed there. */
export function readOptions(
  value: unknown,
): { ok: true; options: ParsedOptions } | { ok: false; mistakes: string[] } {
  const parsed = simulatorOptionsSchema.safeParse(value);
  if (parsed.success) return { ok: true, options: parsed.data };
  const mistakes = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  return { ok: false, mistakes };
}
