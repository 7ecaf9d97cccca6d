/**
 * The four deployments of different shapes that the method was published with (two by tokens and requests, two by input and
 * output tokens), their limits scaled together, and the same limits on the simulator's side: strict token buckets of one
 * second, input + `max_tokens` charged at admission.
 */
import type { RateDimension } from '@sluice/job';
import { classOf } from '@sluice/planning';
import type { DrainProblem, JobClass } from '@sluice/planning';
import { readTraces } from '../azure.ts';
import type { Request } from '../azure.ts';

type Limits = Partial<Record<RateDimension, number>>;

const UNSCALED: Record<string, Limits> = {
  tokens: { tpm: 600_000, rpm: 3_000 },
  few: { tpm: 1_500_000, rpm: 400 },
  split: { itpm: 500_000, otpm: 100_000 },
  reader: { itpm: 800_000, otpm: 40_000 },
};
/** What all requests need at least through these, s. */
const UNSCALED_S = 759;
const LATENCY = { first_token_ms: 250, per_output_token_ms: 2, jitter: 0.3 };

/** The requests of both traces, one of so many that about `most` are left, in the order of their times of day. */
export function readRequests(folder: string, most: number): { all: number; requests: Request[] } {
  const all = readTraces(folder, ['code', 'conv']);
  const step = Math.max(1, all.length / most);
  const requests = Array.from(
    { length: Math.floor(all.length / step) },
    (_, i) => all[Math.floor(i * step)] as Request,
  );
  return { all: all.length, requests };
}

/** The limits with which that part of the requests takes so many seconds at least. */
export function scaledLimits(part: number, seconds: number): Record<string, Limits> {
  const factor = (UNSCALED_S / seconds) * part;
  return Object.fromEntries(
    Object.entries(UNSCALED).map(([id, limits]) => [
      id,
      Object.fromEntries(
        Object.entries(limits).map(([name, limit]) => [name, Math.round(limit * factor)]),
      ),
    ]),
  );
}

/** Requests a minute that the deployment would get through if it had the mix of all: what its weight should be. */
const weightOf = (limits: Limits, { input, output }: Request): number => {
  const needs: Record<string, number> = { rpm: 1, tpm: input + output, itpm: input, otpm: output };
  return Math.round(
    Math.min(...Object.entries(limits).map(([name, limit]) => limit / (needs[name] ?? 1))),
  );
};

const flow = (limits: Limits): string => JSON.stringify(limits);

/** The config file. Weights matter to the strategy `weighted` alone. */
export function configOf(limits: Record<string, Limits>, mean: Request, strategy: string): string {
  const ids = Object.keys(limits);
  const weights = strategy === 'weighted';
  return `
providers:
${ids.map((id) => `  ${id}: { type: openai, base_url: "{{simulator}}/v1", api_key: key-${id} }`).join('\n')}
deployments:
${ids
  .map(
    (id) =>
      `  ${id}: { provider: ${id}, model: sim-model, timeout_ms: 20000, limits: ${flow(limits[id] as Limits)}${weights ? `, weight: ${weightOf(limits[id] as Limits, mean)}` : ''} }`,
  )
  .join('\n')}
pools:
  mixed: { strategy: ${strategy}, tiers: [[${ids.join(', ')}]] }
`;
}

export const simulatorOptions = (limits: Record<string, Limits>): object => ({
  seed: 7,
  ledger: true,
  accounts: Object.fromEntries(
    Object.entries(limits).map(([id, each]) => [
      id,
      {
        key: `key-${id}`,
        format: 'openai',
        window: 'bucket_1s',
        charge: 'max_tokens',
        // Longer than any maximum: every answer has exactly as many tokens as the trace says.
        output_tokens: 100_000,
        limits: each,
        latency: LATENCY,
      },
    ]),
  ),
});

export interface ServedCall {
  account: string;
  at_ms: number;
  ended_ms: number | null;
  end: string;
  tokens_in: number;
  tokens_out: number;
}

/** The drain problem of the calls as they were charged: classes of like size, the limits, buckets full of one second. */
export function problemOf(
  calls: readonly ServedCall[],
  limits: Record<string, Limits>,
): DrainProblem {
  const latencyMs = Math.min(...calls.map((call) => (call.ended_ms ?? Infinity) - call.at_ms));
  const ids = Object.keys(limits);
  return {
    classes: classesOf(calls, { latencyMs, ids }),
    deployments: ids.map((id) => ({ id, budgets: [id], concurrency: null })),
    budgets: ids.map((id) => ({
      id,
      concurrency: null,
      rates: Object.entries(limits[id] as Limits).map(([dimension, limit]) => ({
        dimension: dimension as RateDimension,
        perMs: limit / 60_000,
        burst: limit / 60,
      })),
    })),
  };
}

function classesOf(
  calls: readonly ServedCall[],
  { latencyMs, ids }: { latencyMs: number; ids: readonly string[] },
): JobClass[] {
  const sums = new Map<string, { jobs: number; input: number; output: number }>();
  for (const { tokens_in: input, tokens_out: output } of calls) {
    const { key } = classOf({ pool: '', formats: 0, input, output });
    const sum = sums.get(key) ?? { jobs: 0, input: 0, output: 0 };
    sums.set(key, {
      jobs: sum.jobs + 1,
      input: sum.input + input,
      output: sum.output + output,
    });
  }
  return [...sums].map(([id, sum]) => {
    const cost = { requests: 1, input: sum.input / sum.jobs, output: sum.output / sum.jobs };
    const places = ids.map((each) => [each, { cost, latencyMs }]);
    return { id, jobs: sum.jobs, deployments: Object.fromEntries(places) };
  });
}
