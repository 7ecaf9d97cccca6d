/** `simulate:` of a deployment: how the provider behind it behaves in `npm run simulate`. Nothing else reads it. */
import { OUTCOMES, USUAL_OUTPUT_TOKENS } from '@sluice/job';
import { WINDOW_KINDS } from '@sluice/windows';
import { z } from 'zod';
import { amount, calls, duration, flag, weight } from './fields.ts';

const FAILURES = z.enum(OUTCOMES).exclude(['ok', 'lost', 'rate_limited']);
const OUTAGE_KINDS = [...FAILURES.options, 'hang', 'slow'] as const;

const part = () =>
  z
    .preprocess(
      (value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value),
      z.number().min(0).max(1),
    )
    .meta({ allowed: 'a number from 0 to 1' });

const SHARES = Object.fromEntries(
  FAILURES.options.map((failure) => [failure, part().optional()]),
) as Record<z.output<typeof FAILURES>, z.ZodOptional<ReturnType<typeof part>>>;

const rates = {
  rpm: amount().optional(),
  tpm: amount().optional(),
  itpm: amount().optional(),
  otpm: amount().optional(),
};

const outage = z
  .strictObject({
    from: duration().optional().describe('When it begins, after the start; absent = at the start.'),
    to: duration().optional().describe('When it ends; absent = never.'),
    kind: z
      .enum(OUTAGE_KINDS)
      .prefault('network')
      .describe(
        'What becomes of every call: a failure class, `hang` (no answer until the timeout) or `slow`.',
      ),
    factor: amount().prefault(3).describe('Of `slow`: so many times the usual time.'),
  })
  .refine(({ from, to }) => to === undefined || to > (from ?? 0))
  .meta({ allowed: 'a section with from, to (later than from), kind, factor' });

export const simulate = z
  .strictObject({
    window: z
      .enum(WINDOW_KINDS)
      .prefault('bucket_1s')
      .describe(
        'How it counts a limit per minute: a bucket that holds so long of the rate, whole windows of the clock, or any 60 seconds.',
      ),
    initial_fill: part().prefault(1).describe('How much of a window is free at the start, 0 to 1.'),
    limits: z
      .strictObject({ ...rates, concurrency: calls().optional() })
      .prefault({})
      .describe('What it really allows, where that is not what `limits` says.'),
    others: z
      .strictObject(rates)
      .prefault({})
      .describe('What other users of the same key spend per minute, as long as there is any.'),
    latency: z
      .strictObject({
        base_ms: weight().prefault(300).describe('Of every call.'),
        per_input_token: weight().prefault(0.05).describe('More for each token read, ms.'),
        per_output_token: weight().prefault(15).describe('More for each token written, ms.'),
        jitter: part().prefault(0.1).describe('Up to this share of it more or less.'),
      })
      .prefault({})
      .describe('How long a call takes.'),
    output_tokens: z
      .strictObject({
        mean: amount().prefault(USUAL_OUTPUT_TOKENS).describe('Mean length.'),
        spread: weight()
          .prefault(0.5)
          .describe('Sigma of the log-normal distribution; 0 = all alike.'),
      })
      .prefault({})
      .describe(
        'Length of answers to JSONL lines, never above their maximum. Traces say it themselves.',
      ),
    outages: z
      .array(outage)
      .prefault([])
      .describe(
        'What goes wrong, and when: a list of `{from, to, kind, factor}`. From and to count from the start (`90s`; without: from the start, to the end). Kind is a failure class that all calls get then, `hang` (no answer until the timeout) or `slow` (`factor` times the usual duration, 3 unless said).',
      ),
    error_rate: part().prefault(0).describe('Share of calls that fail with `provider_error`.'),
    failures: z.strictObject(SHARES).prefault({}).describe('Share of calls that fail, by class.'),
    failed_requests_count: flag()
      .prefault(false)
      .describe('Whether refused and failed calls use up requests (OpenAI).'),
    headers: flag().prefault(true).describe('Whether answers say what is left of the limits.'),
  })
  .refine(
    ({ error_rate, failures }) =>
      Object.values(failures).reduce<number>((sum, share) => sum + (share ?? 0), error_rate) <= 1,
    { path: ['failures'] },
  )
  .prefault({})
  .describe('How its provider behaves in `npm run simulate`; nothing else reads it.');

export type SimulateSection = z.output<typeof simulate>;

/** A section that says nothing. */
export const USUAL_SIMULATE: SimulateSection = simulate.parse({});
