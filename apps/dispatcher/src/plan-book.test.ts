import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { makePlan } from '@sluice/planning';
import type { DrainProblem, Planned } from '@sluice/planning';
import { PlanBook } from './plan-book.ts';

/** So many lines that two deployments of the same limit can run. */
const problemOf = (id: string, jobs: number): DrainProblem => {
  const place = { cost: { requests: 1, input: 0, output: 0 }, latencyMs: 100 };
  return {
    classes: [{ id, jobs, deployments: { a: place, b: place } }],
    deployments: ['a', 'b'].map((one) => ({ id: one, budgets: [one], concurrency: null })),
    budgets: ['a', 'b'].map((one) => ({
      id: one,
      concurrency: null,
      rates: [{ dimension: 'rpm', perMs: 0.01, burst: 0 }],
    })),
  };
};

/** A book whose plans are solved when the test says so. */
function desk() {
  const lines = { planId: '' };
  const asked: ((planned: Planned) => void)[] = [];
  const told = { plans: 0, errors: [] as unknown[] };
  const left = { jobs: 20 };
  const time = { ms: 0 };
  const book = new PlanBook({
    problem: () => {
      const name = `class of ${left.jobs}`;
      return { problem: problemOf(name, left.jobs), names: new Map([[lines, name]]) };
    },
    solve: () => new Promise((solved) => asked.push(solved)),
    waiting: () => left.jobs,
    onPlan: () => (told.plans += 1),
    onError: (_what, error) => told.errors.push(error),
    now: () => time.ms,
  });
  const facts = { waiting: () => 1, own: () => true, hasRoom: () => true };
  const place = (): void => {
    const pair = book.next(facts);
    assert.ok(pair);
    left.jobs -= 1;
    book.placed(lines, pair.deployment, 1);
  };
  return { book, lines, asked, told, left, time, place, facts };
}

async function planned(at: ReturnType<typeof desk>, meanwhile: () => void): Promise<void> {
  at.time.ms += 3_000;
  const problem = problemOf(`class of ${at.left.jobs}`, at.left.jobs);
  const made = at.book.look();
  meanwhile();
  at.asked.pop()?.(await makePlan(problem));
  await made;
}

describe('a plan that takes its time', () => {
  test('the plan before is followed meanwhile, under its names', async () => {
    const at = desk();
    await planned(at, () => assert.equal(at.book.knows(at.lines.planId), false));
    assert.equal(at.lines.planId, 'class of 20');
    at.place();
    await planned(at, () => {
      assert.deepEqual([at.lines.planId, at.book.knows('class of 20')], ['class of 20', true]);
      at.place();
    });
    assert.deepEqual([at.lines.planId, at.book.knows('class of 19')], ['class of 19', true]);
  });

  test('what is placed meanwhile counts in the new plan: no quota is given twice', async () => {
    const at = desk();
    const first = { a: 0, b: 0 };
    await planned(at, () => undefined);
    await planned(at, () => {
      // All on one of the two: the other one's turn comes next, for as many.
      for (let i = 0; i < 5; i += 1) at.book.placed(at.lines, 'a', 1);
      at.left.jobs -= 5;
    });
    for (let i = 0; i < 5; i += 1) {
      const pair = at.book.next(at.facts);
      first[pair?.deployment as 'a' | 'b'] += 1;
      at.place();
    }
    assert.deepEqual(first, { a: 0, b: 5 });
  });

  test('where the solver fails what waits begins all the same, by room', async () => {
    const at = desk();
    const made = at.book.look();
    at.asked.pop()?.({ kind: 'failed', reason: 'no time' });
    await made;
    assert.deepEqual([at.told.plans, at.told.errors, at.book.plan], [1, ['no time'], null]);
  });

  test('a plan that comes after the end of the term is not followed', async () => {
    const at = desk();
    void at.book.look();
    const closed = at.book.close();
    at.asked.pop()?.(await makePlan(problemOf('class of 20', 20)));
    await closed;
    assert.deepEqual([at.told.plans, at.book.plan, at.lines.planId], [0, null, '']);
  });
});

test('nothing but the thread’s program makes plans: they would hold the leader up', () => {
  const { dirname } = import.meta;
  assert.ok(dirname);
  const sources = readdirSync(dirname).filter((name) => /(?<!\.test)\.ts$/.test(name));
  const making = sources.filter((name) =>
    /\bmakePlan\b/.test(readFileSync(`${dirname}/${name}`, 'utf8')),
  );
  assert.deepEqual(making, ['solve-plans.ts']);
});
