/**
 * `npm run bench:throughput`: how many jobs per second the batch path carries with everything on, beside bare BullMQ making
 * the same calls on the same machine in the same minute. From the POST to the last line recorded; 1 KB bodies, a provider
 * that answers at once, `appendfsync always` for both, the same number of processes.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { chatLines, System, until } from '@sluice/testing';
import { redisCpuMicros, runBare } from './bare.ts';

const { values: flags } = parseArgs({
  options: { jobs: { type: 'string' }, runs: { type: 'string' }, singles: { type: 'string' } },
});
const JOBS = Number(flags.jobs ?? 20_000);
const RUNS = Number(flags.runs ?? 5);
const SINGLES = Number(flags.singles ?? 3_000);

const CONFIG = `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: sk-sim } }
deployments: { instant: { provider: sim, model: instant } }
pools: { fast: [instant] }
`;
const SIMULATOR = {
  accounts: { sim: { key: 'sk-sim', format: 'openai', latency: { first_token_ms: 0 } } },
};
const PADDING = 'x'.repeat(1_024 - 150);
const body = (i: number) => ({
  model: 'fast',
  max_tokens: 16,
  messages: [{ role: 'user', content: `${i} ${PADDING}` }],
});

const system = await System.start({ config: CONFIG, simulator: SIMULATOR });
const redis = new Redis(system.redis.url);

interface Batch {
  id: string;
  status: string;
  request_counts: { completed: number; total: number };
}

async function get<T>(path: string): Promise<T> {
  const response = await fetch(system.apiUrl + path);
  return (await response.json()) as T;
}

async function runBatch(jobs: number): Promise<{ perSecond: number; redisMicros: number }> {
  const text = `${chatLines(jobs, body, (i) => `line-${i}`)}\n`;
  const before = await redisCpuMicros(redis);
  const started = performance.now();
  const posted = await fetch(`${system.apiUrl}/v1/batches?completion_window=24h`, {
    method: 'POST',
    headers: { 'content-type': 'application/jsonl' },
    body: text,
  });
  const { id } = (await posted.json()) as Batch;
  if (!posted.ok) throw new Error(`POST /v1/batches: ${posted.status}`);
  const recorded = (batch: Batch): boolean => batch.request_counts.completed === jobs;
  await until('the last line', async () => recorded(await get<Batch>(`/v1/batches/${id}`)), {
    timeoutMs: 300_000,
    everyMs: 20,
  });
  const seconds = (performance.now() - started) / 1000;
  const redisMicros = ((await redisCpuMicros(redis)) - before) / jobs;
  await until(
    'its end',
    async () => (await get<Batch>(`/v1/batches/${id}`)).status === 'completed',
  );
  return { perSecond: jobs / seconds, redisMicros };
}

/** Jobs that have not ended, as the ledger counts them. */
async function openJobs(): Promise<number> {
  const slots = Array.from({ length: 16 }, (_, slot) => redis.zcard(`sluice:{j${slot}}:check`));
  return (await Promise.all(slots)).reduce((sum, count) => sum + count, 0);
}

/** Single jobs over `POST /v1/jobs`, 64 at a time, to the last one ended. */
async function runSingles(jobs: number): Promise<number> {
  const started = performance.now();
  let next = 0;
  const post = async (): Promise<void> => {
    while (next < jobs) {
      const i = next++;
      const response = await fetch(`${system.apiUrl}/v1/jobs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'fast', body: body(i) }),
      });
      await response.arrayBuffer();
      if (response.status !== 202) throw new Error(`POST /v1/jobs: ${response.status}`);
    }
  };
  await Promise.all(Array.from({ length: 64 }, post));
  await until('all single jobs to end', async () => (await openJobs()) === 0, {
    timeoutMs: 300_000,
    everyMs: 20,
  });
  return jobs / ((performance.now() - started) / 1000);
}

/** CPU seconds of a process so far (Linux: /proc, 100 ticks a second). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const roles = ['api', 'dispatcher', 'worker', 'simulator'] as const;
const cpu = (): number[] =>
  roles.map((role) => cpuSeconds(system.pid(system.names(role)[0] as string)));

await runBatch(2_000);
const ratios: number[] = [];
for (let run = 1; run <= RUNS; run++) {
  const before = cpu();
  const ours = await runBatch(JOBS);
  const used = cpu().map((seconds, i) =>
    Math.round(((seconds - (before[i] as number)) / JOBS) * 1e6),
  );
  const bare = await runBare({
    redisUrl: system.redis.url,
    providerUrl: system.simulatorUrl,
    jobs: JOBS,
    body,
    workers: 2,
  });
  ratios.push(ours.perSecond / bare.perSecond);
  console.log(
    `run ${run}: batch ${ours.perSecond.toFixed(0)} jobs/s · bare BullMQ ${bare.perSecond.toFixed(0)} jobs/s · ratio ${(ours.perSecond / bare.perSecond).toFixed(2)}` +
      ` · CPU µs/job ${roles.map((role, i) => `${role} ${used[i]}`).join(', ')}` +
      ` · Redis µs/job ${ours.redisMicros.toFixed(0)} (bare ${bare.redisMicros.toFixed(0)})`,
  );
}
const singles = await runSingles(SINGLES);
const bare = await runBare({
  redisUrl: system.redis.url,
  providerUrl: system.simulatorUrl,
  jobs: SINGLES,
  body,
  workers: 2,
});
console.log(
  `median of ${RUNS} runs, ${JOBS} jobs: ${median(ratios).toFixed(2)} × bare BullMQ (bound 0.8)`,
);
console.log(
  `POST /v1/jobs: ${singles.toFixed(0)} jobs/s, ${(singles / bare.perSecond).toFixed(2)} × bare BullMQ (addBulk)`,
);
redis.disconnect();
await system.stop();
