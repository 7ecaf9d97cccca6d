import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outsizedBy, outsizedWords } from './outsized.ts';

const COST = { requests: 1, input: 400, output: 1_100, usd: 0 };
const limit = (dimension: 'rpm' | 'tpm' | 'itpm' | 'otpm', perMinute: number, budget = 'mini') => ({
  budget,
  dimension,
  limit: perMinute,
});

test('a call that takes more of a limit than there is in a minute', () => {
  const none = [limit('tpm', 1_500), limit('itpm', 400), limit('otpm', 1_100)];
  assert.equal(outsizedBy(COST, []), null);
  assert.equal(outsizedBy(COST, none), null, 'just as much as a minute has');
  const tpm = { ...limit('tpm', 1_499), each: 1_500 };
  assert.deepEqual(outsizedBy(COST, [limit('tpm', 1_499), limit('itpm', 400)]), tpm);
  const worst = { ...limit('otpm', 100, 'org'), each: 1_100 };
  assert.deepEqual(outsizedBy(COST, [limit('otpm', 100, 'org'), limit('tpm', 1_000)]), worst);
});

test('a limit of less than one request a minute is only slow', () => {
  assert.equal(outsizedBy(COST, [limit('rpm', 0.5)]), null);
});

test('names the budget, the limit and what a request takes', () => {
  const found = outsizedBy(COST, [limit('tpm', 10)]) ?? assert.fail();
  assert.match(
    outsizedWords(found),
    /^a request takes about 1,500 tokens, more than tpm of budget mini lets .* \(10\)/,
  );
});
