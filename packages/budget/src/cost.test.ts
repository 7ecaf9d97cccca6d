import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { actualCost, amountOf, expectedCost } from './cost.ts';
import type { CostFacts } from './cost.ts';
import { NOTHING_LEARNT, paceOf } from './learnt.ts';
import { UNKNOWN_WINDOW, rulesOf } from './rules.ts';
import type { BudgetRules, PacerRule } from './rules.ts';

const facts: CostFacts = {
  charsPerToken: 4,
  meanOutput: 200,
  defaultMaxTokens: 1_000,
  outputCharge: 'actual',
  price: { input: 1, output: 10 },
};
const shape = { characters: 399, maxOutput: null, inputs: 1 };

describe('expected cost', () => {
  test('is the learnt mean where the provider charges what is produced', () => {
    assert.deepEqual(expectedCost(shape, facts), {
      requests: 1,
      input: 100,
      output: 200,
      usd: 0.0021,
    });
  });

  test("is the request's or the deployment's maximum where the provider charges that; money follows the mean", () => {
    const charged = { ...facts, outputCharge: 'max_tokens' as const };
    assert.equal(expectedCost(shape, charged).output, 1_000);
    assert.equal(expectedCost({ ...shape, maxOutput: 64 }, charged).output, 64);
    assert.equal(expectedCost(shape, charged).usd, 0.0021);
  });

  test('never exceeds the maximum, and is the maximum until something is learnt', () => {
    assert.equal(expectedCost({ ...shape, maxOutput: 64 }, facts).output, 64);
    assert.equal(expectedCost(shape, { ...facts, meanOutput: null }).output, 1_000);
    assert.equal(expectedCost({ ...shape, maxOutput: 0 }, facts).output, 0);
  });
});

test('actual cost prices cached input apart; without a price money is 0', () => {
  const usage = { input_tokens: 1_000, cached_tokens: 600, output_tokens: 10, reasoning_tokens: 0 };
  const price = { input: 1, output: 10, cached_input: 0.1 };
  const cost = actualCost(usage, price);
  assert.ok(Math.abs(cost.usd - 0.00056) < 1e-12);
  assert.equal(actualCost(usage, null).usd, 0);
  assert.deepEqual(
    (['rpm', 'tpm', 'itpm', 'otpm'] as const).map((dimension) => amountOf(dimension, cost)),
    [1, 1_010, 1_000, 10],
  );
});

const budget = { id: 'mini', outputCharge: 'actual', root: 'mini' } as const;
const pace = (rules: BudgetRules, at: number) =>
  paceOf(rules.pacers[at] as PacerRule, NOTHING_LEARNT, 0);
const burst = (rpm: number): number | undefined =>
  pace(rulesOf({ ...budget, limits: { rpm } }), 0)?.burstMs;

describe('rules', () => {
  test('a slow budget has a burst of one request, a fast one half a second', () => {
    assert.equal(burst(6_000), 500);
    assert.equal(Math.round(burst(15) ?? 0), Math.round(4_000 / 0.985));
  });

  test('an unknown window is paced at 95 %', () => {
    const rules = rulesOf({ ...budget, limits: { tpm: 60_000 } }, UNKNOWN_WINDOW);
    assert.equal(pace(rules, 1)?.msPerUnit, 1 / 0.95);
  });

  test('a limit that is not above 0 is refused by name', () => {
    assert.throws(() => rulesOf({ ...budget, limits: { tpm: 0 } }), /mini\.tpm: found 0/);
  });
});
