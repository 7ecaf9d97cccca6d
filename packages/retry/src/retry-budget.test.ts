import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RETRY_BUDGET, afterCalls, fullRetryBudget, takeRetry } from './retry-budget.ts';

test('what is saved up may be used at once, beyond it retries wait ever longer', () => {
  let budget = fullRetryBudget(0);
  for (let i = 0; i < RETRY_BUDGET.most; i++) {
    const taken = takeRetry(budget, 0);
    assert.equal(taken.waitMs, 0);
    budget = taken.budget;
  }
  const first = takeRetry(budget, 0);
  assert.equal(first.waitMs, 1_000 / RETRY_BUDGET.perSecond);
  assert.equal(takeRetry(first.budget, 0).waitMs, 2_000 / RETRY_BUDGET.perSecond);
  assert.equal(takeRetry(first.budget, 1_000).waitMs, 0, 'time brings tokens');
});

test('in any history no more retries go at once than a fifth of the calls, the reserve and what was saved', () => {
  const step = fc.record({ afterMs: fc.nat(2_000), calls: fc.nat(50), retries: fc.nat(50) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let now = 0;
      let budget = fullRetryBudget(now);
      let calls = 0;
      let atOnce = 0;
      for (const one of steps) {
        now += one.afterMs;
        budget = afterCalls(budget, one.calls, now);
        calls += one.calls;
        for (let i = 0; i < one.retries; i++) {
          const taken = takeRetry(budget, now);
          budget = taken.budget;
          if (taken.waitMs === 0) atOnce++;
        }
      }
      const { perCall, perSecond, most } = RETRY_BUDGET;
      assert.ok(atOnce <= most + perCall * calls + (perSecond * now) / 1_000 + 1e-6);
    }),
  );
});
