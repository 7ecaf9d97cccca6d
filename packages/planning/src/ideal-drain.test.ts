import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { drainOneClass } from './drain-one-class.ts';
import { anyProblem, fleet, jobClass, perMinute } from './example-problems.ts';
import { type IdealDrain, idealDrain } from './ideal-drain.ts';
import { limitsOf } from './limits.ts';
import type { DrainProblem } from './problem.ts';

type Solved = Extract<IdealDrain, { kind: 'solved' }>;

async function solved(problem: DrainProblem): Promise<Solved> {
  const drain = await idealDrain(problem);
  assert.ok(drain.kind === 'solved', JSON.stringify(drain));
  return drain;
}

/** Equal to a millionth, or to a microsecond where that is more. */
function near(actual: number, expected: number, what = ''): void {
  const tolerance = Math.max(1e-3, Math.abs(expected) * 1e-6);
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what} ${actual} is not ${expected}`);
}

const oneSecond = perMinute('rpm', 60);

describe('by hand', () => {
  test('one budget: jobs less the burst, at its rate, and the last call', async () => {
    const drain = await solved({
      classes: [jobClass('k', 100, { on: ['a'], latencyMs: 700 })],
      ...fleet({ a: [perMinute('rpm', 60, 10)] }),
    });
    near(drain.idealMs, 90_000 + 700);
    near(drain.assignment['k']?.['a'] ?? 0, 100);
    assert.deepEqual(
      drain.binding.map(({ budget, dimension }) => [budget, dimension]),
      [['a', 'rpm']],
    );
    near(drain.binding[0]?.price ?? 0, 1_000, 'one more request at the start saves a second:');
  });

  test('two budgets add up', async () => {
    const drain = await solved({
      classes: [jobClass('k', 1_500, { on: ['a', 'b'] })],
      ...fleet({ a: [perMinute('rpm', 900)], b: [perMinute('rpm', 600)] }),
    });
    near(drain.idealMs, 60_000);
    near(drain.assignment['k']?.['a'] ?? 0, 900);
  });

  test('the scarcer of two dimensions decides', async () => {
    const drain = await solved({
      classes: [jobClass('k', 60, { on: ['a'], cost: { input: 800, output: 200 } })],
      ...fleet({ a: [perMinute('rpm', 600), perMinute('tpm', 20_000), perMinute('itpm', 1e6)] }),
    });
    near(drain.idealMs, 180_000);
    assert.deepEqual(
      drain.binding.map(({ dimension }) => dimension),
      ['tpm'],
    );
  });

  test('classes of different shape go where their scarce budget is plenty', async () => {
    const on = ['calls', 'tokens'];
    const problem = {
      classes: [
        jobClass('short', 6_000, { on, cost: { input: 10 } }),
        jobClass('long', 600, { on, cost: { input: 10_000 } }),
      ],
      ...fleet({
        calls: [perMinute('rpm', 6_000), perMinute('tpm', 60_000)],
        tokens: [perMinute('rpm', 600), perMinute('tpm', 6_000_000)],
      }),
    };
    const drain = await solved(problem);
    // Sorted by shape each takes a minute exactly; the bound may not be above that, nor below what the calls allow.
    near(drain.idealMs, 60_000);
    near(drain.assignment['short']?.['calls'] ?? 0, 6_000);
    near(drain.assignment['long']?.['tokens'] ?? 0, 600);
  });

  test('a shared budget is counted once', async () => {
    const classes = [jobClass('k', 120, { on: ['a', 'b'] })];
    const own = fleet({ a: [oneSecond], b: [oneSecond] });
    near((await solved({ classes, ...own })).idealMs, 60_000);
    const shared = {
      deployments: own.deployments.map((each) => ({ ...each, budgets: ['org'] })),
      budgets: [{ id: 'org', rates: [oneSecond], concurrency: null }],
    };
    near((await solved({ classes, ...shared })).idealMs, 120_000);
  });

  test('slots: so many calls at once, own or shared', async () => {
    const classes = [jobClass('k', 100, { on: ['a', 'b'], latencyMs: 2_000 })];
    const deployments = ['a', 'b'].map((id) => ({ id, budgets: ['org'], concurrency: 5 }));
    const org = { id: 'org', rates: [], concurrency: null };
    const own = await solved({ classes, deployments, budgets: [org] });
    near(own.idealMs, 20_000);
    const shared = await solved({ classes, deployments, budgets: [{ ...org, concurrency: 8 }] });
    near(shared.idealMs, 25_000);
    assert.deepEqual(
      shared.binding.map(({ budget, dimension }) => [budget, dimension]),
      [['org', 'concurrency']],
    );
  });

  test('an unlimited deployment takes one call of time', async () => {
    const drain = await solved({
      classes: [jobClass('k', 1e6, { on: ['a', 'free'], latencyMs: 300 })],
      ...fleet({ a: [oneSecond], free: [] }),
    });
    near(drain.idealMs, 300);
    assert.deepEqual(drain.binding, []);
  });

  test('it ends no sooner than the slowest class on its fastest deployment', async () => {
    const drain = await solved({
      classes: [
        jobClass('quick', 10, { on: ['a'], latencyMs: 100 }),
        jobClass('slow', 1, { on: ['a'], latencyMs: 9_000 }),
      ],
      ...fleet({ a: [perMinute('rpm', 600, 5)] }),
    });
    near(drain.idealMs, 9_000);
  });

  test('a slow deployment that nobody needs does not lengthen it', async () => {
    const slow = { cost: { requests: 1, input: 0, output: 0 }, latencyMs: 1e6 };
    const quick = jobClass('k', 10, { on: ['a'], latencyMs: 100 });
    const drain = await solved({
      classes: [{ ...quick, deployments: { ...quick.deployments, slow } }],
      ...fleet({ a: [oneSecond], slow: [oneSecond] }),
    });
    assert.ok(drain.idealMs <= 10_100 + 1e-3);
  });

  test('nothing to do takes no time', async () => {
    const none = { kind: 'solved', idealMs: 0, assignment: {}, binding: [] };
    assert.deepEqual(await idealDrain({ classes: [], ...fleet({ a: [oneSecond] }) }), none);
    const empty = [jobClass('k', 0, { on: [] })];
    assert.deepEqual(await idealDrain({ classes: empty, ...fleet({}) }), none);
  });

  test('millions of jobs, billions of tokens', async () => {
    const drain = await solved({
      classes: [
        jobClass('k', 5_000_000, { on: ['a'], cost: { input: 3_000, output: 1_000 } }),
        jobClass('one', 1, { on: ['a'], cost: { input: 1 } }),
      ],
      ...fleet({ a: [perMinute('tpm', 30_000_000), perMinute('rpd', 1_000)] }),
    });
    near(drain.idealMs, 5_000_001 * 60);
  });
});

describe('no answer', () => {
  test('a class without a deployment, or only with a limit of 0, is infeasible', async () => {
    const homeless = [jobClass('k', 1, { on: [] })];
    assert.deepEqual(await idealDrain({ classes: homeless, ...fleet({}) }), {
      kind: 'infeasible',
      reason: 'class k has no deployment',
    });
    const classes = [jobClass('k', 11, { on: ['a'] })];
    const closed = await idealDrain({ classes, ...fleet({ a: [perMinute('rpm', 0, 10)] }) });
    assert.equal(closed.kind, 'infeasible');
    const enough = await solved({ classes, ...fleet({ a: [perMinute('rpm', 0, 11)] }) });
    near(enough.idealMs, 0);
  });

  test('a malformed problem fails with what is wrong', async () => {
    const good = { classes: [jobClass('k', 1, { on: ['a'] })], ...fleet({ a: [oneSecond] }) };
    const reasonFor = async (more: Partial<DrainProblem>): Promise<string> => {
      const drain = await idealDrain({ ...good, ...more });
      assert.equal(drain.kind, 'failed');
      return drain.kind === 'failed' ? drain.reason : '';
    };
    assert.match(
      await reasonFor({ classes: [jobClass('k', 1, { on: ['x'] })] }),
      /class k: unknown deployment x/,
    );
    assert.match(await reasonFor({ classes: [jobClass('k', Number.NaN, { on: ['a'] })] }), /NaN/);
    assert.match(await reasonFor({ budgets: [] }), /deployment a: unknown budget a/);
    assert.match(await reasonFor(fleet({ a: [perMinute('rpm', -60)] })), /rpm is -0.001 per ms/);
    assert.match(
      await reasonFor({ deployments: [{ id: 'a', budgets: ['a'], concurrency: Infinity }] }),
      /concurrency is Infinity/,
    );
  });
});

/** Checks the answer against the problem alone, without trusting the program or the solver. */
function checkFeasible(problem: DrainProblem, { idealMs, assignment }: Solved): void {
  for (const { id, jobs } of problem.classes) {
    const placed = Object.values(assignment[id] ?? {}).reduce((sum, each) => sum + each, 0);
    near(placed, jobs, `jobs of ${id}:`);
  }
  const { arcs, limits, shortestMs } = limitsOf(problem);
  for (const { budget, dimension, start, perMs, uses } of limits) {
    const used = uses.reduce((sum, { arc, perJob }) => {
      const { jobClass: of, deployment } = arcs[arc]!;
      return sum + perJob * (assignment[of.id]?.[deployment] ?? 0);
    }, 0);
    const there = start + perMs * (idealMs - shortestMs);
    assert.ok(used <= there * (1 + 1e-6) + 1e-2, `${budget} ${dimension}: ${used} of ${there}`);
  }
}

/**
 * Weak duality, by hand: for any prices ≥ 0, A is at least Σ jobs × (the cheapest place at these prices) − Σ price ×
 * start + (1 − Σ price × perMs) × the least A. If the returned prices give the returned time, no schedule is faster.
 */
function boundFromPrices(problem: DrainProblem, { binding }: Solved): number {
  const { arcs, limits, shortestMs, leastMs } = limitsOf(problem);
  const priceOf = new Map(
    binding.map(({ budget, dimension, price }) => [`${budget} ${dimension}`, price]),
  );
  const cheapest = new Map<string, number>();
  const each = arcs.map(() => 0);
  let started = 0;
  let coming = 0;
  for (const { budget, dimension, start, perMs, uses } of limits) {
    const price = priceOf.get(`${budget} ${dimension}`) ?? 0;
    started += price * start;
    coming += price * perMs;
    for (const { arc, perJob } of uses) each[arc]! += price * perJob;
  }
  for (const [arc, { jobClass: of }] of arcs.entries())
    cheapest.set(of.id, Math.min(cheapest.get(of.id) ?? Infinity, each[arc]! * of.jobs));
  const work = [...cheapest.values()].reduce((sum, price) => sum + price, 0);
  return work - started + (1 - coming) * leastMs + shortestMs;
}

describe('properties', () => {
  test('one class: the bisection finds the same', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyProblem({ classes: 1, deployments: 4, shared: false }),
        async (problem) => {
          const twin = drainOneClass(problem);
          assert.ok(twin !== null);
          near((await solved(problem)).idealMs, twin);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('the assignment keeps every limit, and the prices prove that none is faster', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyProblem({ classes: 5, deployments: 4, shared: true }),
        async (problem) => {
          const drain = await solved(problem);
          checkFeasible(problem, drain);
          const bound = boundFromPrices(problem, drain);
          assert.ok(
            Math.abs(bound - drain.idealMs) <= 1e-4 * drain.idealMs + 1,
            `${bound} for ${drain.idealMs}`,
          );
        },
      ),
      { numRuns: 200 },
    );
  });

  test('one more key never lengthens it, more jobs never shorten it', async () => {
    const anyPair = fc.tuple(
      anyProblem({ classes: 3, deployments: 3, shared: true }),
      fc.integer({ min: 1, max: 5_000 }),
    );
    await fc.assert(
      fc.asyncProperty(anyPair, async ([problem, extra]) => {
        const before = await solved(problem);
        const withoutD2 = {
          ...problem,
          classes: problem.classes.map((each) => ({
            ...each,
            deployments: Object.fromEntries(
              Object.entries(each.deployments).filter(([id]) => id !== 'd2'),
            ),
          })),
        };
        const fewer = await idealDrain(withoutD2);
        if (fewer.kind === 'solved') assert.ok(before.idealMs <= fewer.idealMs * (1 + 1e-6) + 1e-3);
        else assert.equal(fewer.kind, 'infeasible');
        const [first, ...others] = problem.classes;
        const more = { ...problem, classes: [{ ...first!, jobs: first!.jobs + extra }, ...others] };
        assert.ok((await solved(more)).idealMs >= before.idealMs * (1 - 1e-6) - 1e-3);
      }),
      { numRuns: 100 },
    );
  });
});
