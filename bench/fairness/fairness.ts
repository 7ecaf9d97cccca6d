/**
 * `npm run bench:fairness`: one tenant puts 100,000 single jobs (`--jobs N`) in front of a pool that takes 50 a second, then
 * another sends one job a second. Measured: how long each of the second's jobs waits from POST to the provider's being
 * called, alone and beside the flood. Promised: p99 beside ≤ p99 alone + 3 ÷ (admissions a second) + 50 ms.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { System } from '@sluice/testing';

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '100000' },
    probes: { type: 'string', default: '60' },
    every: { type: 'string', default: '1000' },
  },
});
const RATE = 50;
const MARGIN_MS = 50;
const CLIENTS = 32;

const key = (): string => randomBytes(16).toString('hex');
const keys = { flood: key(), single: key() };
const system = await System.start({
  config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: sk-sim } }
deployments: { slow: { provider: sim, model: m, limits: { rpm: ${RATE * 60} } } }
pools: { fast: [slow] }
tenants:
  flood: { api_keys: ["${keys.flood}"] }
  single: { api_keys: ["${keys.single}"] }
`,
  simulator: {
    ledger: true,
    accounts: {
      sim: { key: 'sk-sim', format: 'openai', window: 'bucket_1s', limits: { rpm: RATE * 60 } },
    },
  },
});

async function post(tenant: keyof typeof keys, content: string): Promise<string> {
  const response = await fetch(`${system.apiUrl}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${keys[tenant]}` },
    body: JSON.stringify({
      model: 'fast',
      deadline_ms: 86_400_000,
      body: { max_tokens: 16, messages: [{ role: 'user', content }] },
    }),
  });
  if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`);
  return ((await response.json()) as { id: string }).id;
}

/** Sends one job after another; for each, ms from POST to its call. */
async function probe(name: string): Promise<number[]> {
  const sent: { id: string; at: number }[] = [];
  for (let i = 0; i < Number(values.probes); i++) {
    const at = Date.now();
    sent.push({ id: await post('single', `${name} ${i}`), at });
    await sleep(Math.max(0, at + Number(values.every) - Date.now()));
  }
  return Promise.all(
    sent.map(async ({ id, at }) => {
      const response = await fetch(`${system.apiUrl}/v1/jobs/${id}?wait_ms=60000`, {
        headers: { authorization: `Bearer ${keys.single}` },
      });
      const job = (await response.json()) as { attempts: { started_at: number }[] };
      return (job.attempts[0]?.started_at ?? Number.NaN) * 1_000 - at;
    }),
  );
}

const jobs = Number(values.jobs);
await probe('warm-up');
const alone = await probe('alone');
let next = 0;
const began = Date.now();
await Promise.all(
  Array.from({ length: CLIENTS }, async () => {
    while (next < jobs) {
      next += 1;
      await post('flood', `flood ${next}`);
    }
  }),
);
const acceptedMs = Date.now() - began;
const before = await called();
const besideFrom = Date.now();
const beside = await probe('beside');
const perSecond = (1_000 * ((await called()) - before)) / (Date.now() - besideFrom);
const { accounts } = await system.simulated<{
  accounts: Record<string, { calls?: number; limited?: number }>;
}>();

async function called(): Promise<number> {
  const stats = await system.simulated<{ accounts: Record<string, { calls: number }> }>();
  return stats.accounts['sim']?.calls ?? 0;
}

const quantile = (all: number[], q: number): number =>
  all.toSorted((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * q))] as number;
const row = (name: string, all: number[]): string =>
  `${name.padEnd(12)} p50 ${quantile(all, 0.5).toFixed(1)} ms · p99 ${quantile(all, 0.99).toFixed(1)} ms`;
const bound = quantile(alone, 0.99) + 3_000 / RATE + MARGIN_MS;
console.log(`flood        ${jobs} jobs accepted in ${(acceptedMs / 1_000).toFixed(1)} s`);
console.log(row('alone', alone));
console.log(`${row('beside', beside)} (bound ${bound.toFixed(1)} ms)`);
console.log(`admissions   ${perSecond.toFixed(1)} a second beside, of ${RATE}`);
console.log(`simulator    ${JSON.stringify(accounts['sim'])}`);
if (!(quantile(beside, 0.99) <= bound)) process.exitCode = 1;
await system.stop();
