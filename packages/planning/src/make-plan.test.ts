import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { anyProblem, fleet, jobClass, perMinute } from './example-problems.ts';
import { idealDrain } from './ideal-drain.ts';
import { limitsOf } from './limits.ts';
import { makePlan } from './make-plan.ts';
import type { Plan } from './plan.ts';
import type { DrainProblem, JobClass } from './problem.ts';

async function planOf(problem: DrainProblem): Promise<Plan> {
  const planned = await makePlan(problem);
  assert.ok(planned.kind === 'solved', JSON.stringify(planned));
  return planned.plan;
}

/** Equal to a hundred-thousandth, or to a hundredth where that is more. */
function near(actual: number | null | undefined, expected: number, what = ''): void {
  const off = Math.abs((actual ?? Number.NaN) - expected);
  assert.ok(
    off <= Math.max(1e-2, Math.abs(expected) * 1e-5),
    `${what} ${actual} is not ${expected}`,
  );
}

const within = (jobs: JobClass, about: Partial<JobClass>): JobClass => ({ ...jobs, ...about });
const aSecond = perMinute('rpm', 60);

describe('time', () => {
  test('quotas are what T* sends where, and every class is done when they are', async () => {
    const on = ['calls', 'tokens'];
    const plan = await planOf({
      classes: [
        jobClass('short', 6_000, { on, cost: { input: 10 } }),
        jobClass('long', 600, { on, cost: { input: 10_000 } }),
      ],
      ...fleet({
        calls: [perMinute('rpm', 6_000), perMinute('tpm', 60_000)],
        tokens: [perMinute('rpm', 600), perMinute('tpm', 6_000_000)],
      }),
    });
    near(plan.idealMs, 60_000);
    near(plan.plannedMs, 60_000);
    near(plan.quotas['short']?.['calls'], 6_000);
    near(plan.quotas['long']?.['tokens'], 600);
    near(plan.finishMs['short'], 60_000);
  });

  test('pools that share nothing have an end of their own', async () => {
    const plan = await planOf({
      classes: [jobClass('a', 60, { on: ['x'] }), jobClass('b', 600, { on: ['y', 'z'] })],
      ...fleet({ x: [aSecond], y: [aSecond], z: [perMinute('rpm', 120)] }),
    });
    near(plan.finishMs['a'], 60_000);
    near(plan.finishMs['b'], 200_000);
    near(plan.idealMs, 200_000);
  });

  test('what shares nothing scarce with the slowest class does not wait for it', async () => {
    const plan = await planOf({
      classes: [
        jobClass('slow', 600, { on: ['x'] }),
        jobClass('quick', 60, { on: ['x', 'y', 'z'] }),
      ],
      ...fleet({ x: [aSecond], y: [aSecond], z: [aSecond] }),
    });
    near(plan.finishMs['slow'], 600_000);
    near(plan.finishMs['quick'], 30_000);
    near(plan.quotas['quick']?.['y'], 30);
  });

  test('each limit says how full it is, what hangs on it and what a little more would bring', async () => {
    const plan = await planOf({
      classes: [jobClass('k', 100, { on: ['a'], cost: { input: 100 } })],
      ...fleet({ a: [aSecond, perMinute('tpm', 60_000)] }),
    });
    const [rpm, tpm] = plan.rows;
    assert.ok(rpm && tpm);
    near(rpm.used, 1);
    near(rpm.price, 1_000, 'one more request at the start saves a second:');
    // 100 jobs at 61 instead of 60 a minute: 1.64 s less; at the margin 100 s × 1 ÷ 60.
    near(rpm.savesMs, 1_666.67);
    assert.deepEqual(rpm.usedBy, { a: 100 });
    near(tpm.used, 0.1);
    assert.deepEqual([rpm.binding, tpm.binding, tpm.price, tpm.savesMs], [true, false, 0, 0]);
  });

  test('a class that nothing can run is named and holds up no other', async () => {
    const plan = await planOf({
      classes: [
        jobClass('a', 100, { on: ['x'] }),
        jobClass('homeless', 3, { on: [] }),
        jobClass('closed', 3, { on: ['off'] }),
        jobClass('none', 0, { on: [] }),
      ],
      ...fleet({ x: [aSecond], off: [perMinute('rpm', 0)] }),
    });
    assert.deepEqual(plan.unplaced, ['homeless', 'closed']);
    assert.deepEqual(Object.keys(plan.quotas), ['a']);
  });

  test('nothing to do is a plan, a malformed problem is none', async () => {
    const plan = await planOf({ classes: [], ...fleet({ a: [aSecond] }) });
    assert.deepEqual([plan.idealMs, plan.plannedMs, plan.costUsd, plan.pairs], [0, 0, 0, []]);
    const bad = await makePlan({
      classes: [within(jobClass('k', 1, { on: ['a'] }), { deadlineInMs: -1 })],
      ...fleet({ a: [aSecond] }),
    });
    assert.deepEqual(bad, { kind: 'failed', reason: 'class k: deadlineInMs is -1' });
    const tooMuch = await makePlan({
      classes: [jobClass('k', 11, { on: ['a'] })],
      ...fleet({ a: [perMinute('rpm', 0, 10)] }),
    });
    assert.equal(tooMuch.kind, 'failed');
  });
});

describe('deadlines', () => {
  const one = fleet({ x: [aSecond] });

  test('what has one goes first, the rest takes no longer for it', async () => {
    const plan = await planOf({
      classes: [
        jobClass('a', 100, { on: ['x'] }),
        within(jobClass('b', 50, { on: ['x'] }), { deadlineInMs: 60_000 }),
      ],
      ...one,
    });
    assert.deepEqual(plan.late, []);
    near(plan.finishMs['b'], 60_000);
    near(plan.plannedMs, 150_000);
  });

  test('one that cannot be met is said, with by how much, and missed by no more', async () => {
    const plan = await planOf({
      classes: [
        jobClass('a', 100, { on: ['x'] }),
        within(jobClass('b', 50, { on: ['x'] }), { deadlineInMs: 40_000 }),
      ],
      ...one,
    });
    const [late, ...others] = plan.late;
    assert.deepEqual([late?.class, late?.deadlineInMs, others], ['b', 40_000, []]);
    near(late?.lateByMs, 10_000);
    near(plan.finishMs['b'], 50_000);
  });

  test('a class that cannot be in time does not make others late', async () => {
    const plan = await planOf({
      classes: [
        within(jobClass('huge', 1_000, { on: ['x'] }), { deadlineInMs: 40_000 }),
        within(jobClass('small', 10, { on: ['x'] }), { deadlineInMs: 60_000 }),
      ],
      ...one,
    });
    assert.deepEqual(
      plan.late.map((each) => each.class),
      ['huge'],
    );
    near(plan.finishMs['huge'], 1_010_000);
  });

  test('calls to a deployment that answers too late do not count as in time', async () => {
    const quick = jobClass('k', 10, { on: ['quick'], latencyMs: 1_000 });
    const { quick: placement } = quick.deployments;
    assert.ok(placement);
    const slow = { ...placement, latencyMs: 50_000 };
    const plan = await planOf({
      classes: [{ ...quick, deadlineInMs: 12_000, deployments: { quick: placement, slow } }],
      ...fleet({ quick: [aSecond], slow: [aSecond] }),
    });
    assert.deepEqual([plan.late, Object.keys(plan.quotas['k'] ?? {})], [[], ['quick']]);
  });

  test('one that has almost passed, or has, is late and runs first', async () => {
    const plan = await planOf({
      classes: [
        jobClass('a', 100, { on: ['x'], latencyMs: 500 }),
        within(jobClass('b', 10, { on: ['x'], latencyMs: 500 }), { deadlineInMs: 0 }),
      ],
      ...one,
    });
    near(plan.finishMs['b'], 10_500);
    near(plan.plannedMs, 110_500);
  });
});

describe('money', () => {
  const byCost = (id: string, jobs: number, about: Partial<JobClass> = {}): JobClass => ({
    id,
    jobs,
    objective: 'cost',
    deployments: Object.fromEntries(
      [
        ['cheap', 1],
        ['dear', 10],
      ].map(([place, usd]) => [
        place,
        { cost: { requests: 1, input: 0, output: 0, usd: Number(usd) }, latencyMs: 1_000 },
      ]),
    ),
    ...about,
  });
  const both = fleet({ cheap: [aSecond], dear: [perMinute('rpm', 600)] });

  test('without haste everything goes where it is cheapest', async () => {
    const plan = await planOf({ classes: [byCost('k', 1_000)], ...both });
    near(plan.costUsd, 1_000);
    near(plan.costByClass['k'], 1_000);
    near(plan.plannedMs, 1_001_000);
    assert.ok(plan.idealMs < 100_000);
  });

  test('a deadline is met with as little of the dear one as it takes', async () => {
    const plan = await planOf({
      classes: [byCost('k', 1_000, { deadlineInMs: 500_000 })],
      ...both,
    });
    near(plan.quotas['k']?.['cheap'], 499);
    near(plan.costUsd, 499 + 5_010);
    assert.deepEqual(plan.late, []);
    const cheap = plan.rows.find(({ budget }) => budget === 'cheap');
    // One more call a minute over 499 s: 8.3 calls at $9 less.
    near(cheap?.savesUsd, (9 * 499) / 60);
  });

  test('a deadline before money: when even all of it is too slow, nothing is left idle for its price', async () => {
    const plan = await planOf({
      classes: [byCost('k', 1_000, { deadlineInMs: 60_000 })],
      ...both,
    });
    near(plan.finishMs['k'], 1_000 / (11 / 1_000) + 1_000);
    assert.equal(plan.late.length, 1);
  });

  test('what saves time does not wait for what saves money', async () => {
    const hasty = byCost('hasty', 600, { objective: 'time' });
    const plan = await planOf({
      classes: [byCost('k', 1_000, { deadlineInMs: 2_000_000 }), hasty],
      ...both,
    });
    near(plan.finishMs['hasty'], 600 / (11 / 1_000) + 1_000);
    near(plan.costByClass['k'], 1_000);
    assert.ok(
      (plan.finishMs['k'] ?? Infinity) < 1_100_000,
      'and it does not dawdle until its deadline',
    );
  });

  test('an unknown price makes the sum unknown', async () => {
    const plan = await planOf({
      classes: [jobClass('unknown', 1, { on: ['cheap'] }), byCost('k', 10)],
      ...both,
    });
    assert.deepEqual([plan.costUsd, plan.costByClass['unknown']], [null, null]);
    near(plan.costByClass['k'], 10);
  });
});

/** Random problems with deadlines from impossible to idle, and classes of both objectives. */
const anyWish = fc
  .tuple(
    anyProblem({ classes: 5, deployments: 4, shared: true, most: 2_000 }),
    fc.array(
      fc.record({
        deadline: fc.option(fc.double({ min: 0.05, max: 3, noNaN: true })),
        byCost: fc.boolean(),
        usd: fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 4, maxLength: 4 }),
      }),
      { minLength: 5, maxLength: 5 },
    ),
  )
  .map(([problem, wishes]) => ({ problem, wishes }));

async function wished({
  problem,
  wishes,
}: typeof anyWish extends fc.Arbitrary<infer Wish> ? Wish : never): Promise<DrainProblem> {
  const ideal = await idealDrain(problem);
  assert.ok(ideal.kind === 'solved');
  return {
    ...problem,
    classes: problem.classes.map((each, index) => {
      const { deadline, byCost, usd } = wishes[index] ?? { deadline: null, byCost: false, usd: [] };
      const places = Object.entries(each.deployments).map(([id, placement], at) => [
        id,
        { ...placement, cost: { ...placement.cost, usd: (usd[at] ?? 0) / 1_000 } },
      ]);
      return {
        ...each,
        deployments: Object.fromEntries(places) as JobClass['deployments'],
        deadlineInMs: deadline === null ? null : deadline * ideal.idealMs,
        objective: byCost ? ('cost' as const) : ('time' as const),
      };
    }),
  };
}

/** To the part of a plan's length that the solver's tolerances leave open. */
const ROUNDING = 1e-8;

/** Checks a plan against the problem alone: everything is placed, and at no end of a step has a limit given more than came. */
function checkKept(problem: DrainProblem, plan: Plan): void {
  for (const { id, jobs } of problem.classes) {
    const sum = Object.values(plan.quotas[id] ?? {}).reduce((total, each) => total + each, 0);
    assert.ok(Math.abs(sum - jobs) <= 1e-6 * jobs, `${id}: ${sum} of ${jobs}`);
  }
  const { arcs, limits } = limitsOf(problem);
  const pairs = new Map(plan.pairs.map((pair) => [`${pair.class} ${pair.deployment}`, pair]));
  const moments = new Set(plan.pairs.flatMap(({ steps }) => steps.map(({ untilMs }) => untilMs)));
  for (const { budget, dimension, start, perMs, uses } of limits)
    for (const moment of moments) {
      let used = 0;
      for (const { arc, perJob } of uses) {
        const { jobClass: of, deployment } = arcs[arc]!;
        for (const { fromMs, untilMs, jobs } of pairs.get(`${of.id} ${deployment}`)!.steps) {
          const part = untilMs > fromMs ? (moment - fromMs) / (untilMs - fromMs) : 1;
          used += perJob * jobs * Math.min(1, Math.max(0, part));
        }
      }
      const largest = Math.max(...uses.map(({ perJob }) => perJob));
      // Slots are still held when the last call has started.
      const held = dimension === 'concurrency' ? perMs * largest : start;
      const there = held + perMs * moment;
      assert.ok(
        used <= there * (1 + 1e-5) + 0.01 * largest + 1e-2 + perMs * plan.plannedMs * ROUNDING,
        `${budget} ${dimension} at ${moment}: ${used} of ${there}`,
      );
    }
}

describe('properties', () => {
  test('quotas add up, limits are kept at all times, and nothing beats T*', async () => {
    await fc.assert(
      fc.asyncProperty(anyWish, async (wish) => {
        const problem = await wished(wish);
        const plan = await planOf(problem);
        const ideal = await idealDrain(problem);
        assert.ok(ideal.kind === 'solved' && plan.idealMs >= ideal.idealMs * (1 - 1e-6) - 1e-3);
        assert.ok(plan.plannedMs >= plan.idealMs);
        checkKept(problem, plan);
        for (const { id, deadlineInMs } of problem.classes) {
          const isLate = (plan.finishMs[id] ?? 0) > (deadlineInMs ?? Infinity) + 1;
          assert.equal(
            plan.late.some((each) => each.class === id),
            isLate,
          );
        }
      }),
      { numRuns: 150, interruptAfterTimeLimit: 60_000 },
    );
  });

  test('without deadlines and prices the plan takes T* and one call more', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyProblem({ classes: 4, deployments: 4, shared: true }),
        async (problem) => {
          const plan = await planOf(problem);
          const slowest = Math.max(...plan.pairs.map(({ latencyMs }) => latencyMs));
          assert.ok(plan.plannedMs <= plan.idealMs + slowest + 1);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('deadlines that some schedule meets are met', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyProblem({ classes: 4, deployments: 3, shared: true, most: 2_000 }),
        fc.double({ min: 1, max: 3, noNaN: true }),
        fc.subarray(['k0', 'k1', 'k2', 'k3']),
        async (problem, room, chosen) => {
          // A plan for the chosen alone is a schedule that the others can wait for; what it takes is time enough.
          const alone = await planOf({
            ...problem,
            classes: problem.classes.filter(({ id }) => chosen.includes(id)),
          });
          const slowest = Math.max(0, ...alone.pairs.map(({ latencyMs }) => latencyMs));
          const deadlineInMs = (alone.plannedMs + slowest) * 1.34 * room;
          const plan = await planOf({
            ...problem,
            classes: problem.classes.map((each) =>
              chosen.includes(each.id) ? { ...each, deadlineInMs } : each,
            ),
          });
          assert.deepEqual(plan.late, []);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('the same problem makes the same plan', async () => {
    await fc.assert(
      fc.asyncProperty(anyWish, async (wish) => {
        const problem = await wished(wish);
        assert.deepEqual(await planOf(problem), await planOf(problem));
      }),
      { numRuns: 50 },
    );
  });
});
