import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ceilingWords } from './dry-run.ts';

const COST = { low: 0.02, likely: 0.04, high: 0.4 };

test('a dry run says for how many lines the ceiling pays', () => {
  const [words = ''] = ceilingWords(0.01, COST, 400);
  assert.match(words, /^max_cost_usd of 0.01 pays for about 100 of the 400 lines \(10 to 200\)/);
  const [perhaps = ''] = ceilingWords(0.1, COST, 400);
  assert.match(perhaps, /will probably pay for all 400 lines; .* cost_usd.high, for 100:/);
});

test('and nothing where it is enough, there is none, or no price', () => {
  assert.deepEqual(ceilingWords(0.5, COST, 400), []);
  assert.deepEqual(ceilingWords(null, COST, 400), []);
  assert.deepEqual(ceilingWords(0.01, null, 400), []);
});
