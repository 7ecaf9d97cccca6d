import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '@sluice/config';
import { checkFits } from './check-fits.ts';
import { InputMistake } from './mistake.ts';

const CONFIG = `
providers: { p: { type: openai, base_url: "http://127.0.0.1:9/v1", api_key: k } }
budgets: { org: { tpd: 5000 } }
deployments:
  small: { provider: p, model: m, limits: { tpd: 1000 } }
  shared: { provider: p, model: m, budget: org, limits: { tpd: 9000 } }
  free: { provider: p, model: m }
  poor: { provider: p, model: m, limits: { usd_per_day: 0.01, usd_per_month: 1 }, price: { input: 10, output: 10 } }
  resting: { provider: p, model: m, weight: 0 }
pools: { day: [small, shared], open: [small, free], paid: [poor], idle: [resting], some: [resting, free] }
`;
const loaded = loadConfig({ source: { text: CONFIG }, env: {} });
assert.ok(loaded.kind === 'ok');
const job = (pool: string, tokens: number, eligible: string[] | null = null) => ({
  pool,
  eligible: eligible && new Set(eligible),
  inputTokens: tokens - 10,
  outputTokens: 100,
  maxOutput: 10,
});
const check = (...jobs: ReturnType<typeof job>[]) => checkFits(loaded.fleet, jobs);

test('what a deployment can take in a day passes, by its own limit and those it shares', () => {
  assert.doesNotThrow(() => check(job('day', 900), job('day', 5_000), job('open', 90_000)));
});

test('what none of them can is refused with the limits in the way', () => {
  assert.throws(
    () => check(job('day', 900), job('day', 5_001)),
    (error) =>
      error instanceof InputMistake &&
      /pool day: a job of 5001 tokens never fits .*tpd of budget small: 1000; tpd of budget org: 5000\)$/.test(
        error.message,
      ),
  );
  assert.throws(() => check(job('open', 2_000, ['small'])), InputMistake);
});

test('so is what costs more than a day or month may cost', () => {
  assert.doesNotThrow(() => check(job('paid', 1_000)));
  assert.throws(
    () => check(job('paid', 1_001)),
    /pool paid: a job of 1001 tokens never fits .*usd_per_day of budget poor: 0.01, and it costs \$0.01001\)$/,
  );
});

test('so is a pool where nobody takes work; one of weight 0 beside another is none', () => {
  assert.throws(
    () => check(job('idle', 10)),
    /pool idle: found weight 0 of resting.*; allowed: a weight above 0/,
  );
  assert.doesNotThrow(() => check(job('some', 100_000)));
  assert.throws(() => check(job('some', 10, ['resting'])), /pool some: found weight 0/);
});
