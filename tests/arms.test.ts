/**
 * The arms of a split, and regions, side by side at GET /admin/pools: who was meant for whom, and how each did; and how long
 * the calls of a deployment took.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { System, chatBody, chatLines, endOfBatch, postBatch, rowsAt, until } from '@sluice/testing';

const FAST_MS = 30;
const SLOW_MS = 20 * FAST_MS;

/** `small` takes five calls a second, so most of its half has to go to `large`. One answer in five is slow. */
let system: System;
before(async () => {
  system = await System.start({
    config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: key } }
deployments:
  large: { provider: sim, model: sim, region: far, limits: { rpm: 60000 }, price: { input: 1, output: 2 } }
  small: { provider: sim, model: sim, region: near, limits: { rpm: 300 } }
pools:
  ab: { strategy: { name: split, arms: { large: 50, small: 50 } }, tiers: [[large, small]] }
  near: { strategy: { name: region, prefer: [near] }, tiers: [[large, small]] }
  plain: [large]
`,
    simulator: {
      accounts: {
        sim: {
          key: 'key',
          format: 'openai',
          latency: { first_token_ms: FAST_MS },
          faults: [{ kind: 'slow', rate: 0.2, factor: SLOW_MS / FAST_MS }],
        },
      },
    },
  });
});
after(() => system.stop());

const body = chatBody('hi', { max_tokens: 8 });

interface Attempt {
  deployment: string;
  instead_of?: string;
  took_ms: number;
  cost_usd: number | null;
}

interface Extras {
  deployment: string;
  attempts: Attempt[];
}

/** All that were made here. */
const made: Attempt[] = [];

async function runBatch(model: string, lines: number): Promise<Extras[]> {
  const { apiUrl } = system;
  const { id } = await postBatch(
    apiUrl,
    chatLines(lines, () => ({ model, ...body })),
  );
  await endOfBatch(apiUrl, id);
  const rows = await rowsAt<{ sluice: Extras }>(`${apiUrl}/v1/batches/${id}/results`);
  const results = rows.map(({ sluice }) => sluice);
  made.push(...results.flatMap(({ attempts }) => attempts));
  return results;
}

async function runJob(model: string): Promise<Extras> {
  const response = await fetch(`${system.apiUrl}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, body }),
  });
  const { id } = (await response.json()) as { id: string };
  const url = `${system.apiUrl}/v1/jobs/${id}?wait_ms=30000`;
  const job = (await (await fetch(url)).json()) as Extras;
  made.push(...job.attempts);
  return job;
}

interface Latency {
  p50: number;
  p95: number;
  p99: number;
  calls: number;
}

const PARTS = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;

/** `took_ms` is in whole ms. */
const ROUNDED_MS = 1;

/** The percentiles are those of the attempts as jobs and results have them, to within 5 %. */
function assertLatency(shown: Latency | null, attempts: readonly Attempt[]): void {
  const took = attempts.map(({ took_ms: ms }) => ms).toSorted((a, b) => a - b);
  assert.equal(shown?.calls, took.length);
  for (const [name, part] of Object.entries(PARTS) as [keyof typeof PARTS, number][]) {
    const wanted = took[Math.ceil(part * took.length) - 1] as number;
    const off = Math.abs(shown[name] - wanted);
    assert.ok(off <= 0.05 * wanted + ROUNDED_MS, `${name} ${shown[name]} of ${wanted}`);
  }
}

interface Figures {
  calls: number;
  jobs: number;
  success_rate: number;
  mean_latency_ms: number;
  latency_ms: Latency | null;
  output_tokens: number;
  cost_usd: number;
  cost_usd_per_job: number | null;
}

interface Arm {
  name: string;
  wanted: number | null;
  got: number;
  spilled_away: number;
  as_wanted: Figures;
  spilled_here: Figures;
}

interface Arms {
  calls: number;
  spilled: number;
  compared: [Arm, Arm];
}

/** Once all of `calls` are counted. */
async function armsOf(pool: string, calls: number): Promise<Arms> {
  return until(`${calls} calls of ${pool} to be counted`, async () => {
    const answer = await fetch(`${system.apiUrl}/admin/pools`);
    const { data } = (await answer.json()) as { data: { id: string; arms: Arms | null }[] };
    const found = data.find(({ id }) => id === pool)?.arms;
    return found?.calls === calls && found;
  });
}

test('a split tells spilled jobs apart: in each result, and in the comparison', async () => {
  const lines = await runBatch('ab', 60);
  const jobs = await Promise.all(Array.from({ length: 20 }, () => runJob('ab')));
  const attempts = [...lines, ...jobs].flatMap((one) => one.attempts);
  assert.equal(attempts.length, 80);
  const spilled = attempts.filter((one) => one.instead_of !== undefined);
  assert.ok(spilled.length > 0, 'half of the jobs do not fit on `small`');
  assert.ok(spilled.every((one) => one.instead_of === 'small' && one.deployment === 'large'));
  const arms = await armsOf('ab', 80);
  assert.equal(arms.spilled, spilled.length);
  const [large, small] = arms.compared;
  const onSmall = attempts.filter(({ deployment }) => deployment === 'small').length;
  assert.deepEqual(
    [large.name, large.wanted, small.name, small.wanted],
    ['large', 0.5, 'small', 0.5],
  );
  assert.deepEqual([small.got, large.got], [onSmall / 80, 1 - onSmall / 80]);
  assert.deepEqual(
    [small.spilled_away, large.spilled_here.calls],
    [spilled.length, spilled.length],
  );
  assert.equal(large.as_wanted.jobs, 80 - onSmall - spilled.length);
  assert.equal(large.as_wanted.success_rate, 1);
  const paid = spilled.reduce((sum, one) => sum + (one.cost_usd as number), 0);
  assert.ok(Math.abs(large.spilled_here.cost_usd - paid) < 1e-9, `${paid}`);
  const took = spilled.reduce((sum, one) => sum + one.took_ms, 0) / spilled.length;
  assert.ok(Math.abs(large.spilled_here.mean_latency_ms - took) < 1e-6, `${took}`);
  assertLatency(large.spilled_here.latency_ms, spilled);
  const own = attempts.filter((one) => one.instead_of === undefined);
  assertLatency(
    large.as_wanted.latency_ms,
    own.filter(({ deployment }) => deployment === 'large'),
  );
  assert.equal(small.spilled_here.latency_ms, null, 'nothing spilled to it');
  assert.ok(small.as_wanted.output_tokens > 0);
  assert.equal(small.as_wanted.cost_usd_per_job, null, '`small` has no price');
});

test('region: how many were served where it was preferred, and how many elsewhere', async () => {
  const attempts = (await runBatch('near', 30)).flatMap((one) => one.attempts);
  const spilled = attempts.filter((one) => one.instead_of === 'near');
  const arms = await armsOf('near', 30);
  assert.equal(arms.spilled, spilled.length);
  const [near, far] = arms.compared;
  assert.deepEqual([near.name, near.wanted, far.name, far.wanted], ['near', 1, 'far', null]);
  assert.equal(near.as_wanted.jobs, 30 - spilled.length);
  assert.equal(far.spilled_here.jobs, spilled.length);
});

test('a pool whose strategy compares nothing has no arms', async () => {
  const job = await runJob('plain');
  assert.equal(job.attempts[0]?.instead_of, undefined);
  const answer = await fetch(`${system.apiUrl}/admin/pools`);
  const { data } = (await answer.json()) as { data: { id: string; arms: unknown }[] };
  assert.equal(data.find(({ id }) => id === 'plain')?.arms, null);
});

test('a deployment shows how long its calls took: the slowest are the slow ones', async () => {
  const of = made.filter(({ deployment }) => deployment === 'large');
  const shown = await until('all calls of `large` to be counted', async () => {
    const answer = await fetch(`${system.apiUrl}/admin/deployments`);
    const { data } = (await answer.json()) as {
      data: { id: string; latency_ms: Latency | null }[];
    };
    const latency = data.find(({ id }) => id === 'large')?.latency_ms;
    return latency?.calls === of.length && latency;
  });
  assertLatency(shown, of);
  assert.ok(shown.p50 >= 0.95 * FAST_MS && shown.p50 < shown.p99, `${shown.p50}`);
  assert.ok(shown.p99 >= 0.95 * SLOW_MS, `${shown.p99}`);
});
