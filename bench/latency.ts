/**
 * `npm run bench:latency`: on an idle system, the time from POST to the provider being called, beyond what the bare HTTP call
 * costs. Measured from the client's side: an interactive job waited for (`POST /v1/chat/completions` through Sluice) against
 * the same request straight to the simulator, in turns; and, by the simulator's arrival stamp, POST to call alone.
 */
import { parseArgs } from 'node:util';
import { System } from '@sluice/testing';

const { values } = parseArgs({ options: { calls: { type: 'string' } } });
const CALLS = Number(values.calls ?? 500);
const WARM_UP = 100;

const system = await System.start({
  config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: sk-sim } }
deployments: { instant: { provider: sim, model: instant, limits: { rpm: 60000, tpm: 50000000, concurrency: 100 } } }
pools: { fast: [instant] }
`,
  simulator: { accounts: { sim: { key: 'sk-sim', format: 'openai', limits: { rpm: 60_000 } } } },
});

const body = (i: number): string =>
  JSON.stringify({
    model: 'fast',
    max_tokens: 16,
    messages: [{ role: 'user', content: `${i}: 17 × 3?` }],
  });

async function timed(url: string, text: string): Promise<number> {
  const started = performance.now();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer sk-sim' },
    body: text,
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return performance.now() - started;
}

const direct: number[] = [];
const through: number[] = [];
for (let i = 0; i < CALLS + WARM_UP; i++) {
  const bare = await timed(`${system.simulatorUrl}/v1/chat/completions`, body(i));
  const ours = await timed(`${system.apiUrl}/v1/chat/completions`, body(i));
  if (i < WARM_UP) continue;
  direct.push(bare);
  through.push(ours);
}

/** POST answered with 202 until the job says its call began, both by this machine's clock. */
const toCall: number[] = [];
for (let i = 0; i < CALLS; i++) {
  const posted = Date.now();
  const response = await fetch(`${system.apiUrl}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'fast',
      priority: 'interactive',
      body: JSON.parse(body(i)) as object,
    }),
  });
  const { id } = (await response.json()) as { id: string };
  const ended = await fetch(`${system.apiUrl}/v1/jobs/${id}?wait_ms=10000`);
  const job = (await ended.json()) as { attempts: { started_at: number }[] };
  toCall.push((job.attempts[0]?.started_at ?? Number.NaN) * 1000 - posted);
}

const quantile = (all: number[], q: number): number =>
  all.toSorted((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * q))] as number;
const row = (name: string, all: number[]): string =>
  `${name.padEnd(44)} p50 ${quantile(all, 0.5).toFixed(2)} ms · p99 ${quantile(all, 0.99).toFixed(2)} ms`;
const p50 = quantile(toCall, 0.5);
const p99 = quantile(toCall, 0.99);
console.log(row('bare HTTP call, there and back', direct));
console.log(row('through Sluice, there and back', through));
console.log(`${row('POST to provider call', toCall)} (bounds 8 · 25 beyond the bare call)`);
console.log(
  `beyond the bare call: p50 ${(p50 - quantile(direct, 0.5)).toFixed(2)} ms · p99 ${(p99 - quantile(direct, 0.5)).toFixed(2)} ms`,
);
if (process.env['HIST'])
  console.log(
    toCall
      .toSorted((a, b) => a - b)
      .filter((_, i) => i % 10 === 0 || i > 470)
      .join(' '),
  );
await system.stop();
