/**
 * `npm run bench:memory`: what Redis needs while a batch drains does not grow with the batch. Drains 10,000 lines, then
 * 100,000, asks Redis for its memory all the while, and compares the peaks.
 */
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { chatBody, chatLines, System, until } from '@sluice/testing';

const { values: flags } = parseArgs({
  options: { small: { type: 'string' }, large: { type: 'string' } },
});
const SMALL = Number(flags.small ?? 10_000);
const LARGE = Number(flags.large ?? 100_000);
const BOUND_MIB = 64;
const MIB = 1024 * 1024;

const system = await System.start({
  config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: sk-sim } }
deployments: { instant: { provider: sim, model: instant } }
pools: { fast: [instant] }
`,
  simulator: { accounts: { sim: { key: 'sk-sim', format: 'openai' } } },
});
const redis = new Redis(system.redis.url);

const usedMemory = async (): Promise<number> =>
  Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);

interface Batch {
  id: string;
  status: string;
  request_counts: { completed: number };
}

/** Peak memory of Redis, bytes, from the POST to the end. */
async function peakWhile(jobs: number): Promise<number> {
  const content = 'x'.repeat(850);
  const body = (i: number) => chatBody(`${i} ${content}`, { model: 'fast', max_tokens: 16 });
  const posted = await fetch(`${system.apiUrl}/v1/batches?completion_window=24h`, {
    method: 'POST',
    headers: { 'content-type': 'application/jsonl' },
    body: `${chatLines(jobs, body, (i) => `line-${i}`)}\n`,
  });
  const { id } = (await posted.json()) as Batch;
  let peak = 0;
  const done = async (): Promise<Batch | null> => {
    peak = Math.max(peak, await usedMemory());
    const batch = (await (await fetch(`${system.apiUrl}/v1/batches/${id}`)).json()) as Batch;
    return batch.status === 'completed' ? batch : null;
  };
  const batch = await until(`${jobs} lines`, done, { timeoutMs: 600_000, everyMs: 20 });
  if (batch.request_counts.completed !== jobs) throw new Error(JSON.stringify(batch));
  return peak;
}

await peakWhile(2_000);
const small = await peakWhile(SMALL);
const large = await peakWhile(LARGE);
const mib = (bytes: number): string => (bytes / MIB).toFixed(1);
console.log(
  `Redis at its peak: ${mib(small)} MiB while ${SMALL} lines drain, ${mib(large)} MiB while ${LARGE} do`,
);
console.log(`difference ${mib(large - small)} MiB (bound ${BOUND_MIB})`);
if (large - small > BOUND_MIB * MIB) process.exitCode = 1;
redis.disconnect();
await system.stop();
