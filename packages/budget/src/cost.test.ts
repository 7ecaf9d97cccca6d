import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Accounting } from '@sluice/job';
import { amountOf, expectedCost, paidFor, settledCost } from './cost.ts';
import type { CostFacts } from './cost.ts';
import { NOTHING_LEARNT, paceOf } from './learnt.ts';
import { UNKNOWN_WINDOW, rulesOf } from './rules.ts';
import type { BudgetRules, PacerRule } from './rules.ts';

const ACCOUNTING: Accounting = {
  output: 'actual',
  cachedInput: 'counts',
  failedRequests: 'count',
  outputMultiplier: 1,
  inputAndOutput: 'sum',
};
const facts: CostFacts = {
  charsPerToken: 4,
  cachedShare: 0,
  meanOutput: 200,
  defaultMaxTokens: 1_000,
  accounting: ACCOUNTING,
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
    const charged = { ...facts, accounting: { ...ACCOUNTING, output: 'max_tokens' as const } };
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

test('money prices cached input apart; without a price it is 0', () => {
  const usage = { input_tokens: 1_000, cached_tokens: 600, output_tokens: 10, reasoning_tokens: 0 };
  const price = { input: 1, output: 10, cached_input: 0.1 };
  assert.ok(Math.abs(paidFor(usage, price) - 0.00056) < 1e-12);
  assert.equal(paidFor(usage, null), 0);
  const half = { ...facts, price, cachedShare: 0.5 };
  assert.ok(Math.abs(expectedCost(shape, half).usd - (50 + 5 + 2_000) / 1e6) < 1e-12);
  const cost = { requests: 1, input: 1_000, output: 10, usd: 0 };
  assert.deepEqual(
    (['rpm', 'tpm', 'itpm', 'otpm'] as const).map((dimension) => amountOf(dimension, cost)),
    [1, 1_010, 1_000, 10],
  );
});

const as = (over: Partial<Accounting>): Accounting => ({ ...ACCOUNTING, ...over });

const booked = (over: Partial<Accounting>, more: Partial<CostFacts> = {}) =>
  expectedCost(
    { characters: 3_600, maxOutput: 400, inputs: 1 },
    { ...facts, ...more, accounting: as(over) },
  );

describe('as the provider counts', () => {
  const usage = { input_tokens: 900, cached_tokens: 600, output_tokens: 50, reasoning_tokens: 0 };
  const answered = { usage, refused: false, usd: 0.1 };
  const tokens = (over: Partial<Accounting>) => {
    const settled = settledCost(booked(over), answered, as(over));
    return [settled?.input, settled?.output];
  };

  test('a maximum is booked; it stays, or what was not produced is given back', () => {
    for (const output of ['max_tokens', 'released'] as const)
      assert.equal(booked({ output }).output, 400);
    assert.deepEqual(tokens({ output: 'max_tokens' }), [900, 400]);
    assert.deepEqual(tokens({ output: 'released' }), [900, 50]);
    assert.deepEqual(tokens({ output: 'actual' }), [900, 50]);
  });

  test('cached input counts or not; what was cached before is expected again', () => {
    assert.deepEqual(tokens({ cachedInput: 'free' }), [300, 50]);
    assert.equal(booked({ cachedInput: 'free' }, { cachedShare: 0.25 }).input, 675);
    assert.equal(booked({}, { cachedShare: 0.25 }).input, 900);
  });

  test('an output token may count several times, booked and settled; money does not', () => {
    const over = { outputMultiplier: 5 };
    assert.equal(booked(over).output, 1_000);
    assert.deepEqual(tokens(over), [900, 250]);
    assert.deepEqual(tokens({ ...over, output: 'max_tokens' }), [900, 2_000]);
    assert.equal(booked(over).usd, booked({}).usd);
  });

  test('where the larger counts, tokens are the larger of input and maximum', () => {
    const over = { inputAndOutput: 'larger', output: 'max_tokens' } as const;
    assert.equal(amountOf('tpm', booked(over)), 900);
    const long = expectedCost(
      { characters: 400, maxOutput: 400, inputs: 1 },
      { ...facts, accounting: as(over) },
    );
    assert.equal(amountOf('tpm', long), 400);
    assert.deepEqual(tokens(over), [500, 400]);
    assert.equal(
      amountOf('tpm', booked({ ...over, output: 'actual' })),
      1_100,
      'only of a maximum',
    );
  });

  test('a refused call counts as booked, or nothing; one without an answer as booked', () => {
    const failed = { usage: null, refused: true, usd: 0 };
    assert.equal(settledCost(booked({}), failed, as({})), null);
    const free = as({ failedRequests: 'free' });
    assert.deepEqual(settledCost(booked({}), failed, free), {
      requests: 0,
      input: 0,
      output: 0,
      usd: 0,
    });
    assert.equal(settledCost(booked({}), { ...failed, refused: false }, free), null);
  });
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
