import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ceilingWords } from './dry-run.ts';

const costUsd = { low: 0.02, likely: 0.04, high: 0.4 };
const paid = { low: 10.2, likely: 100.9, high: 700 };

test('a dry run says for how many lines the ceiling pays', () => {
  const [words = ''] = ceilingWords({ maxCostUsd: 0.01, costUsd, paid }, 400);
  assert.match(words, /^max_cost_usd of 0.01 pays for about 100 of the 400 lines \(10 to 400\)/);
  const enough = { low: 100, likely: 400, high: 400 };
  const [perhaps = ''] = ceilingWords({ maxCostUsd: 0.1, costUsd, paid: enough }, 400);
  assert.match(perhaps, /will probably pay for all 400 lines; .* cost_usd.high, for 100:/);
});

test('and nothing where it is enough, there is none, or no price', () => {
  assert.deepEqual(ceilingWords({ maxCostUsd: 0.5, costUsd, paid }, 400), []);
  assert.deepEqual(ceilingWords({ maxCostUsd: null, costUsd, paid: undefined }, 400), []);
  assert.deepEqual(ceilingWords({ maxCostUsd: 0.01, costUsd: null, paid }, 400), []);
  const all = { low: 400, likely: 400, high: 400 };
  assert.deepEqual(ceilingWords({ maxCostUsd: 0.3, costUsd, paid: all }, 400), []);
});
