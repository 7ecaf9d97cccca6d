/** A pool that saves money: keys of one price share a batch by their limits, and a dry run says what it then costs and takes. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { System, chatBody, chatLines, endOfBatch, postBatch } from '@sluice/testing';
import type { SeenBatch } from '@sluice/testing';

interface Batch extends SeenBatch {
  in_progress_at: number;
  completed_at: number;
  sluice: { cost_usd: number; ideal_ms: number };
}
interface Usage {
  data: { results: { group: string; attempts: number }[] }[];
}

const LINES = 400;
const KEYS = { a: 240, b: 2_000, c: 240 };
const all = Object.values(KEYS).reduce((sum, rpm) => sum + rpm, 0);

const deployments = Object.entries(KEYS)
  .map(
    ([id, rpm]) =>
      `  ${id}: { provider: sim, model: mini, limits: { rpm: ${rpm} }, price: { input: 0.15, output: 0.6 } }`,
  )
  .join('\n');

let system: System;
before(async () => {
  system = await System.start({
    config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: k, accounting: { output: actual } } }
deployments:
${deployments}
  dear: { provider: sim, model: large, limits: { rpm: 6000 }, price: { input: 1, output: 5 } }
pools: { cheap: { strategy: cost, tiers: [[a, b, c, dear]] } }
`,
    simulator: {
      accounts: {
        sim: {
          key: 'k',
          format: 'openai',
          limits: { rpm: 60_000 },
          latency: { first_token_ms: 50 },
          charge: 'actual',
          output_tokens: { mean: 40, spread: 0.8 },
        },
      },
    },
  });
});
after(() => system.stop());

/** Of different lengths, so that each key learns something else of them. */
const lines = chatLines(LINES, (i) =>
  chatBody(`question ${i} ${'why '.repeat((i * 7) % 23)}`, { model: 'cheap', max_tokens: 200 }),
);

const dryRun = () =>
  postBatch<DryRun>(system.apiUrl, lines, { query: 'completion_window=1h&dry_run=true' });

async function runBatch(): Promise<Batch> {
  const { id } = await postBatch(system.apiUrl, lines, { query: 'completion_window=1h' });
  return endOfBatch(system.apiUrl, id, { timeoutMs: 120_000 });
}

async function calls(): Promise<Record<string, number>> {
  const url = `${system.apiUrl}/admin/usage?bucket=total&group_by=deployment`;
  const { data } = (await (await fetch(url)).json()) as Usage;
  return Object.fromEntries(
    (data[0]?.results ?? []).map(({ group, attempts }) => [group, attempts]),
  );
}

interface DryRun {
  says: string;
  ideal_ms: number;
  eta_at: number;
  cost_usd: { low: number; likely: number; high: number };
  by_pool: { cheap: { saves: string } };
  assumed: { deployments: Record<string, { latency_ms: { value: number | null; from: string } }> };
}

test('before the first answer a dry run knows no latency, and says so', async () => {
  const { assumed, by_pool, says } = await dryRun();
  assert.deepEqual(assumed.deployments['a']?.latency_ms, { value: null, from: 'default' });
  assert.equal(by_pool.cheap.saves, 'money');
  assert.match(says, /the cheapest that keeps the deadline/);
});

test('once answers are learnt, keys of one price share by their limits, and a dry run has said what it costs and takes', async (t) => {
  await runBatch();
  const earlier = await calls();
  const asked = Date.now();
  const told = await dryRun();
  const toldMs = told.eta_at * 1_000 - asked;
  const batch = await runBatch();
  const tookMs = (batch.completed_at - batch.in_progress_at) * 1_000;
  const made = await calls();
  const share = (id: string): number => ((made[id] ?? 0) - (earlier[id] ?? 0)) / LINES;
  t.diagnostic(
    `shares ${['a', 'b', 'c', 'dear'].map((id) => `${id} ${share(id)}`).join(', ')}; told ${toldMs} ms, took ${tookMs}; told ${JSON.stringify(told.cost_usd)}, cost ${batch.sluice.cost_usd}`,
  );
  assert.equal(share('dear'), 0);
  for (const [id, rpm] of Object.entries(KEYS))
    assert.ok(share(id) > (0.5 * rpm) / all && share(id) < (1.6 * rpm) / all, `${id} ${share(id)}`);
  const { low, high } = told.cost_usd;
  assert.ok(batch.sluice.cost_usd >= low && batch.sluice.cost_usd <= high);
  assert.ok(high < 4 * low, 'and the range says something');
  // 400 at 2,480 a minute; with the dear one T* is a third of that.
  assert.ok(toldMs > (0.8 * LINES * 60_000) / all && told.ideal_ms < toldMs / 2, `${toldMs}`);
  assert.ok(tookMs > 0.6 * toldMs, `told ${toldMs} ms, took ${tookMs}`);
});
