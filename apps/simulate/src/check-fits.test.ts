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
pools: { day: [small, shared], open: [small, free] }
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
      /pool day: a job of 5001 tokens never fits.* at most 5000 tokens a day.*org: 5000/.test(
        error.message,
      ),
  );
  assert.throws(() => check(job('open', 2_000, ['small'])), InputMistake);
});
