import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makePlan } from '@sluice/planning';
import type { DrainProblem } from '@sluice/planning';
import { planView } from './plan-view.ts';
import type { ViewFacts } from './plan-view.ts';

const place = { cost: { requests: 1, input: 10, output: 5 }, latencyMs: 100 };
const problem: DrainProblem = {
  classes: [
    { id: 'fast 1 0.4', jobs: 60, deployments: { a: place, b: place } },
    { id: 'turns 1 0.4', jobs: 60, deployments: { b: place } },
  ],
  deployments: ['a', 'b', 'c'].map((id) => ({ id, budgets: [id], concurrency: null })),
  budgets: ['a', 'b', 'c'].map((id) => ({
    id,
    concurrency: null,
    rates: [{ dimension: 'rpm' as const, perMs: 0.001, burst: 1 }],
  })),
};

async function view(facts: Partial<ViewFacts> = {}) {
  const planned = await makePlan(problem);
  assert.ok(planned.kind === 'solved');
  return planView(planned.plan, problem, {
    madeAt: 1_500,
    ownStrategy: (pool) => (pool === 'turns' ? 'round_robin' : null),
    idleBecause: () => null,
    hints: () => ({}),
    ...facts,
  });
}

test('lines of a pool with a strategy of its own have no quotas, and it says why', async () => {
  const { classes, planned_ms } = await view();
  assert.ok(Object.keys(classes[0]?.quotas ?? {}).length > 0);
  assert.deepEqual(classes[1]?.quotas, {});
  assert.match(String(classes[1]?.says), /strategy round_robin decides/);
  assert.ok(typeof classes[1]?.done_in_ms === 'number' && typeof planned_ms === 'number');
});

test('while nobody takes calls nothing is ever done, and each deployment says why', async () => {
  const { classes, planned_ms, ideal_ms, deployments } = await view({
    idleBecause: () => 'set to paused by an operator',
  });
  assert.deepEqual(
    classes.map(({ done_in_ms, quotas }) => [done_in_ms, quotas]),
    [
      [null, {}],
      [null, {}],
    ],
  );
  assert.deepEqual([planned_ms, ideal_ms], [null, null]);
  assert.match(String(classes[0]?.says), /no deployment takes calls now/);
  assert.match(String(deployments['a']), /^a gets nothing now: set to paused by an operator\.$/);
});

test('a deployment that takes nothing is named, planned for or not', async () => {
  const { deployments, planned_ms } = await view({
    idleBecause: (id) => (id === 'c' ? 'too many of its last calls failed' : null),
  });
  assert.equal(deployments['c'], 'c gets nothing now: too many of its last calls failed.');
  assert.ok(planned_ms !== null);
});

const hints = () => ({ a: 'a: a cap.', b: 'b: a cap.' });

test('what would let much more through is added where a limit on tokens is the scarce one', async () => {
  const before = (await view()).deployments;
  assert.deepEqual((await view({ hints })).deployments, before, 'requests are scarce');
  const budgets = problem.budgets.map((budget) => ({
    ...budget,
    rates: [{ dimension: 'tpm' as const, perMs: 0.001, burst: 1 }],
  }));
  const planned = await makePlan({ ...problem, budgets });
  assert.ok(planned.kind === 'solved');
  const facts = { madeAt: 0, ownStrategy: () => null, idleBecause: () => null, hints };
  const { deployments } = planView(planned.plan, problem, facts);
  assert.match(String(deployments['a']), /its tpm is the scarce limit.*\. a: a cap\.$/);
});
