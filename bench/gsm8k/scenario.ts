/**
 * Four deployments of different RPM and TPM, two of them on one shared budget, and the same limits on the simulator's side:
 * strict token buckets of one second, input + `max_tokens` charged at admission. What the configured limits make of it is T*.
 */
import type { DrainProblem, JobClass } from '@sluice/planning';

interface Limits {
  rpm?: number;
  tpm?: number;
}

export const LIMITS: Record<'a' | 'b' | 'c' | 'd', Limits> = {
  a: { rpm: 300, tpm: 200_000 },
  b: { rpm: 600, tpm: 120_000 },
  c: { rpm: 360 },
  d: { tpm: 90_000 },
};
export const SHARED: Limits = { rpm: 420, tpm: 150_000 };
const KEYS = Object.keys(LIMITS) as (keyof typeof LIMITS)[];
const ON_SHARED = new Set<string>(['c', 'd']);

const limitsYaml = ({ rpm, tpm }: Limits): string =>
  `{ ${[rpm && `rpm: ${rpm}`, tpm && `tpm: ${tpm}`].filter(Boolean).join(', ')} }`;

export const CONFIG = `
providers:
${KEYS.map((key) => `  ${key}: { type: openai, base_url: "{{simulator}}/v1", api_key: key-${key} }`).join('\n')}
deployments:
${KEYS.map(
  (key) =>
    `  ${key}: { provider: ${key}, model: sim-model, timeout_ms: 10000, limits: ${limitsYaml(LIMITS[key])}${ON_SHARED.has(key) ? ', budget: team' : ''} }`,
).join('\n')}
budgets:
  team: ${limitsYaml(SHARED)}
pools:
  maths: [${KEYS.join(', ')}]
`;

const LATENCY = { first_token_ms: 250, per_output_token_ms: 2, jitter: 0.3 };

export function simulatorOptions(faults: Partial<Record<string, object[]>> = {}): object {
  return {
    seed: 7,
    ledger: true,
    groups: { team: { limits: SHARED, window: 'bucket_1s' } },
    accounts: Object.fromEntries(
      KEYS.map((key) => [
        key,
        {
          key: `key-${key}`,
          format: 'openai',
          window: 'bucket_1s',
          charge: 'max_tokens',
          answer: 'echo',
          limits: LIMITS[key],
          latency: LATENCY,
          ...(ON_SHARED.has(key) ? { limit_group: 'team' } : {}),
          ...(faults[key] ? { faults: faults[key] } : {}),
        },
      ]),
    ),
  };
}

export interface ServedCall {
  account: string;
  at_ms: number;
  ended_ms: number | null;
  end: string;
  tokens_in: number;
  tokens_out: number;
  key: string | null;
}

/** Initial fill of the simulator's buckets: one second of the rate, at least one request. */
const burstOf = (perMinute: number, least: number): number => Math.max(perMinute / 60, least);

/** The drain problem of the calls as the simulator charged them: classes of like size, the configured limits, full buckets. */
export function problemOf(calls: readonly ServedCall[], maxTokens: number): DrainProblem {
  const latencyMs = Math.min(...calls.map((call) => (call.ended_ms ?? Infinity) - call.at_ms));
  return {
    classes: classesOf(calls, { maxTokens, latencyMs }),
    deployments: KEYS.map((id) => ({
      id,
      budgets: ON_SHARED.has(id) ? [id, 'team'] : [id],
      concurrency: null,
    })),
    budgets: [...KEYS.map((id) => [id, LIMITS[id]] as const), ['team', SHARED] as const].map(
      ([id, limits]) => ({
        id,
        concurrency: null,
        rates: (['rpm', 'tpm'] as const).flatMap((dimension) => {
          const limit = limits[dimension];
          if (limit === undefined) return [];
          return [
            {
              dimension,
              perMs: limit / 60_000,
              burst: burstOf(limit, dimension === 'rpm' ? 1 : 0),
            },
          ];
        }),
      }),
    ),
  };
}

const TOKENS_PER_CLASS = 16;

function classesOf(
  calls: readonly ServedCall[],
  facts: { maxTokens: number; latencyMs: number },
): JobClass[] {
  const sizes = new Map<number, number[]>();
  for (const { tokens_in: tokens } of calls) {
    const bucket = Math.floor(tokens / TOKENS_PER_CLASS);
    sizes.set(bucket, [...(sizes.get(bucket) ?? []), tokens]);
  }
  return [...sizes].map(([bucket, tokens]) => {
    const input = tokens.reduce((sum, one) => sum + one, 0) / tokens.length;
    const placement = {
      cost: { requests: 1, input, output: facts.maxTokens },
      latencyMs: facts.latencyMs,
    };
    return {
      id: String(bucket),
      jobs: tokens.length,
      deployments: Object.fromEntries(KEYS.map((id) => [id, placement])),
    };
  });
}
