/** Plans of random problems, checked against the problem alone. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { anyProblem, planOf } from './example-problems.ts';
import { idealDrain } from './ideal-drain.ts';
import { limitsOf } from './limits.ts';
import type { Plan, PlannedPair } from './plan.ts';
import type { DrainProblem, JobClass } from './problem.ts';

/** Random problems with deadlines from impossible to idle, and classes of both objectives. */
const anyWish = fc
  .tuple(
    anyProblem({ classes: 5, deployments: 4, shared: true, most: 2_000 }),
    fc.array(
      fc.record({
        deadline: fc.option(fc.double({ min: 0.05, max: 3, noNaN: true })),
        byCost: fc.boolean(),
        // Mostly of two prices, so that places of one price share.
        usd: fc.array(
          fc.oneof(
            { weight: 3, arbitrary: fc.constantFrom(1, 10) },
            fc.integer({ min: 0, max: 50 }),
          ),
          { minLength: 4, maxLength: 4 },
        ),
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

/** Calls of the pair that the plan starts by then. */
const startedBy = ({ steps }: PlannedPair, atMs: number): number =>
  steps.reduce((sum, { fromMs, untilMs, jobs }) => {
    const part = untilMs > fromMs ? (atMs - fromMs) / (untilMs - fromMs) : 1;
    return sum + jobs * Math.min(1, Math.max(0, part));
  }, 0);

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
        used += perJob * startedBy(pairs.get(`${of.id} ${deployment}`)!, moment);
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
          // Started by the end of that plan, even a call to the slowest answers in time.
          const deadlineInMs = (alone.plannedMs + slowest) * room;
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
