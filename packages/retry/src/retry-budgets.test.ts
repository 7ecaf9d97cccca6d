import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RETRY_BUDGET } from './retry-budget.ts';
import { RetryBudgets, inItsTurn } from './retry-budgets.ts';

const failure = (deployment: string, tenant: string) =>
  ({ deployment, tenant, outcome: 'timeout' }) as const;

test('a tenant whose jobs fail everywhere waits, others on the same deployments do not', () => {
  const budgets = new RetryBudgets();
  const waits = Array.from({ length: 300 }, (_, i) => budgets.waitFor(failure(`d${i}`, 'bad'), 0));
  assert.equal(waits.filter((ms) => ms === 0).length, RETRY_BUDGET.most);
  assert.equal(budgets.waitFor(failure('d1', 'good'), 0), 0);
});

function waitAfter(calls: number): number {
  const budgets = new RetryBudgets();
  for (let i = 0; i < 300; i++) budgets.waitFor(failure(`d${i}`, 't'), 0);
  budgets.calledFor('t', calls, 0);
  return budgets.waitFor(failure('d', 't'), 0);
}

test('answers to the tenant bring its retries sooner', () => {
  assert.ok(waitAfter(0) > waitAfter(500));
  assert.equal(waitAfter(2_000), 0);
});

test('a sick deployment makes the retries of all tenants wait', () => {
  const budgets = new RetryBudgets();
  for (let i = 0; i < RETRY_BUDGET.most; i++) budgets.waitFor(failure('sick', `t${i}`), 0);
  assert.ok(budgets.waitFor(failure('sick', 'one more'), 0) > 0);
});

test('waiting for its turn makes no job expire', () => {
  assert.equal(inItsTurn(1_000, 500, 2_000), 1_500);
  assert.equal(inItsTurn(1_000, 1_500, 2_000), 1_000);
});
