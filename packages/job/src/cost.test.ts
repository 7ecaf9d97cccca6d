import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costOfAttempts, roundUsd } from './cost.ts';

const answered = (cost: number | null) => ({ status_code: 200, cost_usd: cost });
const unanswered = { status_code: null, cost_usd: null };

test('the cost of a job is the sum of what its answers cost', () => {
  assert.equal(costOfAttempts([answered(0.25), answered(0.5)]), 0.75);
  assert.equal(costOfAttempts([answered(0)]), 0);
});

test('an attempt without an answer hides no known cost', () => {
  assert.equal(costOfAttempts([unanswered, answered(0.5)]), 0.5);
});

test('nothing known is null, not 0', () => {
  assert.equal(costOfAttempts([]), null);
  assert.equal(costOfAttempts([unanswered]), null);
  assert.equal(costOfAttempts([answered(0), answered(null)]), null);
});

test('sums of tenths have no tail', () => {
  assert.equal(costOfAttempts([answered(0.1), answered(0.2)]), 0.3);
  assert.equal(roundUsd(0.000018449999999999998), 0.00001845);
});
