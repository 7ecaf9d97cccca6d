/** What the benchmarks run: Azure's traces over fleets written as config files. */
import { join } from 'node:path';
import { loadConfig } from '@sluice/config';
import { buildScenario, parseWorkload, readTrace } from '@sluice/simulate';
import type { Installed } from '@sluice/simulate';
import type { Job, Scenario } from '@sluice/simulation';

/** The value of `name=…` among the arguments; undefined: it is not there. */
export const argument = (name: string): string | undefined =>
  process.argv.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1);

/** `seed=N`: another run of the same benchmarks. */
export const SEED = Number(argument('seed') ?? 1);

/** `data=PATH`: another place of the traces. */
const DATA = argument('data') ?? join(import.meta.dirname, '../../../shared/data/azure-llm-2023');
export const tracePath = (name: 'code' | 'conv'): string =>
  join(DATA, `AzureLLMInferenceTrace_${name}.csv`);

/** Four deployments of different shapes (facts: fluid lower bound). `more`: settings of each by name. */
export function fourShapes(more: Record<string, string> = {}, strategy = 'capacity'): Installed {
  const limits = {
    a: 'tpm: 600000, rpm: 3000',
    b: 'tpm: 1500000, rpm: 400',
    c: 'itpm: 500000, otpm: 100000',
    d: 'itpm: 800000, otpm: 40000',
  };
  const deployments = Object.entries(limits).map(
    ([id, own]) => `  ${id}: { provider: p, model: m, limits: { ${own} }, ${more[id] ?? ''} }`,
  );
  return installed(`
providers: { p: { type: openai, base_url: "http://p/v1", accounting: { output: actual } } }
deployments:
${deployments.join('\n')}
pools: { fast: { strategy: ${strategy}, tiers: [[a, b, c, d]] } }
`);
}

export function installed(config: string): Installed {
  const loaded = loadConfig({ source: { text: config }, env: {} });
  if (loaded.kind === 'invalid') throw new Error(JSON.stringify(loaded.mistakes));
  return loaded;
}

/** `workloads` as `--workload` takes them. */
export const scenarioOf = (
  about: Installed,
  workloads: readonly string[],
  change: { seed?: number; strategy?: string } = {},
): Promise<Scenario> =>
  buildScenario(about, {
    workloads: workloads.map((text) => parseWorkload(text, false)),
    seed: SEED,
    ...change,
  });

/** Sizes of real requests, in a row that repeats. */
export async function realSizes(): Promise<Pick<Job, 'inputTokens' | 'outputTokens'>[]> {
  const requests = await readTrace(tracePath('conv'), Infinity);
  return requests.map(({ inputTokens, outputTokens }) => ({ inputTokens, outputTokens }));
}

export const jobOf = (job: Partial<Job>): Job => ({
  at: 0,
  pool: 'fast',
  tenant: 'default',
  priority: 'low',
  batch: null,
  characters: (job.inputTokens ?? 0) * 4,
  maxOutput: null,
  inputTokens: 0,
  outputTokens: 0,
  eligible: null,
  deadlineMs: 86_400_000,
  ...job,
});
