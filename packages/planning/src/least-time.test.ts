/** What is booked ahead, against a plain fluid: in each moment a deployment takes what its limits that are open then let through. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { anyProblem, fleet, jobClass, perMinute, planOf } from './example-problems.ts';
import { idealDrain } from './ideal-drain.ts';
import { makePlan } from './make-plan.ts';
import type { Step } from './course.ts';
import type { PlannedPair } from './plan.ts';
import type { DrainProblem, PlannedDimension, PlannedRate } from './problem.ts';
import { unitsOf } from './problem.ts';

const ahead = (rate: PlannedRate, aheadMs: number): PlannedRate => ({ ...rate, aheadMs });

const KEY = (aheadMs: number) => [perMinute('rpm', 300), ahead(perMinute('tpm', 100_000), aheadMs)];

/** Three keys of which large calls have spoken for two. */
const threeKeys = (jobs: number, a: number, b: number): DrainProblem => ({
  classes: [jobClass('k', jobs, { on: ['a', 'b', 'c'], cost: { input: 100 } })],
  ...fleet({
    a: KEY(a),
    b: KEY(b),
    c: [perMinute('rpm', 100), perMinute('tpm', 30_000)],
  }),
});

test('a key that is spoken for at first gives what comes from then on, of all its limits', async () => {
  const free = await planOf(threeKeys(2_000, 0, 0));
  assert.equal(Math.round(free.plannedMs), Math.round((2_000 / 700) * 60_000));
  const booked = await planOf(threeKeys(2_000, 30_000, 60_000));
  // 700 a minute, less 150 of one key and 300 of the other.
  assert.equal(Math.round(booked.plannedMs), Math.round((2_450 / 700) * 60_000));
  const from = booked.pairs.map(({ steps }) => Math.round(steps[0]?.fromMs ?? -1));
  assert.deepEqual(from, [30_000, 60_000, 0]);
});

test('a key that opens after all is done is not used, and delays nobody', async () => {
  const plan = await planOf(threeKeys(40, 30_000, 60_000));
  assert.equal(Math.round(plan.plannedMs), 24_000);
  assert.deepEqual(Object.keys(plan.quotas['k'] ?? {}), ['c']);
  const closed = plan.rows.find(({ budget, dimension }) => budget === 'b' && dimension === 'tpm');
  assert.deepEqual([closed?.used, closed?.binding, closed?.savesMs], [1, true, 0]);
});

test('who has no other place waits until it opens', async () => {
  const problem = {
    classes: [jobClass('k', 60, { on: ['a'], latencyMs: 500 })],
    ...fleet({ a: [ahead(perMinute('rpm', 60), 90_000)] }),
  };
  assert.equal(Math.round((await planOf(problem)).plannedMs), 150_500);
  const ideal = await idealDrain(problem);
  assert.equal(ideal.kind === 'solved' && Math.round(ideal.idealMs), 150_500);
});

const anyDeployment = fc.record({
  rpm: fc.integer({ min: 1, max: 1_000 }),
  tpm: fc.integer({ min: 100, max: 200_000 }),
  rpmAhead: fc.constantFrom(0, 1_000, 20_000, 60_000),
  tpmAhead: fc.integer({ min: 0, max: 90_000 }),
  tokens: fc.integer({ min: 1, max: 2_000 }),
});

test('one class is done when the fluid is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyDeployment, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 5_000 }),
      async (all, jobs) => {
        const problem: DrainProblem = {
          classes: [
            {
              id: 'k',
              jobs,
              deployments: Object.fromEntries(
                all.map(({ tokens }, i) => [
                  `d${i}`,
                  { cost: { requests: 1, input: tokens, output: 0 }, latencyMs: 0 },
                ]),
              ),
            },
          ],
          ...fleet(
            Object.fromEntries(
              all.map((one, i) => [
                `d${i}`,
                [
                  ahead(perMinute('rpm', one.rpm), one.rpmAhead),
                  ahead(perMinute('tpm', one.tpm), one.tpmAhead),
                ],
              ]),
            ),
          ),
        };
        const fluids = all.map(({ rpm, tpm, rpmAhead, tpmAhead, tokens }) => ({
          fromMs: Math.max(rpmAhead, tpmAhead),
          perMs: Math.min(rpm, tpm / tokens) / 60_000,
        }));
        const expected = fluidEnd(fluids, jobs);
        const { plannedMs } = await planOf(problem);
        assert.ok(Math.abs(plannedMs - expected) < 1 + 1e-4 * expected, `${plannedMs} ${expected}`);
      },
    ),
    { numRuns: 60 },
  );
});

function fluidEnd(fluids: readonly { fromMs: number; perMs: number }[], jobs: number): number {
  const opens = [...new Set([0, ...fluids.map(({ fromMs }) => fromMs)])].toSorted((a, b) => a - b);
  let left = jobs;
  for (const [i, at] of opens.entries()) {
    const perMs = fluids.reduce((sum, one) => sum + (one.fromMs <= at ? one.perMs : 0), 0);
    const next = opens[i + 1] ?? Infinity;
    if (left <= perMs * (next - at)) return at + left / perMs;
    left -= perMs * (next - at);
  }
  return Infinity;
}

test('no plan takes of a limit before it opens, nor more than comes from then on', async () => {
  const problems = fc.tuple(
    anyProblem({ classes: 4, deployments: 4, shared: false, most: 400 }),
    fc.array(fc.constantFrom(0, 0, 500, 20_000, 60_000), { minLength: 12, maxLength: 12 }),
  );
  await fc.assert(
    fc.asyncProperty(problems, async ([plain, aheads]) => {
      const booked = bookedAhead(plain, aheads);
      const { plannedMs, idealMs, pairs } = await planOf(booked);
      const free = await planOf(unbooked(booked));
      const atMost = free.idealMs * (1 + 1e-4) + 60_001;
      assert.ok(idealMs >= free.idealMs * (1 - 1e-6) - 1, 'no sooner than with nothing booked');
      assert.ok(idealMs <= atMost, 'no later than all of it after');
      for (const limit of booked.budgets.flatMap(({ id, rates }) =>
        rates.map((rate) => ({ id, ...rate })),
      )) {
        const own = pairs.filter(({ deployment }) => `${deployment}-budget` === limit.id);
        const ends = own.flatMap(({ steps }) => steps.map(({ untilMs }) => untilMs));
        for (const atMs of [limit.aheadMs ?? 0, ...ends]) {
          const there = limit.perMs * Math.max(0, atMs - (limit.aheadMs ?? 0));
          const rounding = 1e-3 * limit.perMs * Math.max(1, plannedMs);
          const taken = takenBy(booked, own, { dimension: limit.dimension, atMs });
          assert.ok(taken <= there + rounding, `${limit.id} at ${atMs}: ${taken} of ${there}`);
        }
      }
    }),
    { numRuns: 40, endOnFailure: true },
  );
});

/** What the pairs have taken of a limit by then. */
function takenBy(
  { classes }: DrainProblem,
  pairs: readonly PlannedPair[],
  { dimension, atMs }: { dimension: PlannedDimension; atMs: number },
): number {
  const places = new Map(classes.map((one) => [one.id, one.deployments]));
  return pairs.reduce((sum, { class: of, deployment, steps }) => {
    const cost = places.get(of)?.[deployment]?.cost ?? assert.fail();
    const jobs = steps.map((step) => startedBy(step, atMs)).reduce((all, each) => all + each, 0);
    return sum + unitsOf(cost, dimension) * jobs;
  }, 0);
}

const startedBy = ({ fromMs, untilMs, jobs }: Step, atMs: number): number =>
  jobs * Math.min(1, Math.max(0, untilMs > fromMs ? (atMs - fromMs) / (untilMs - fromMs) : 1));

const unbooked = (problem: DrainProblem): DrainProblem => ({
  ...problem,
  budgets: problem.budgets.map((budget) => ({
    ...budget,
    rates: budget.rates.map(({ dimension, perMs, burst }) => ({ dimension, perMs, burst })),
  })),
});

const due = ({ classes, ...rest }: DrainProblem, deadlineInMs: number): DrainProblem => ({
  ...rest,
  classes: classes.map((one) => ({ ...one, deadlineInMs })),
});

test('so do plans with deadlines, and those that save money', async () => {
  const [free, booked] = [threeKeys(2_000, 0, 0), threeKeys(2_000, 30_000, 60_000)];
  const after = await planOf(due(booked, 300_000));
  assert.deepEqual(after.late, []);
  assert.deepEqual((await planOf(due(free, 190_000))).late, []);
  const [late] = (await planOf(due(booked, 190_000))).late;
  // Of stages whose end is found it is an approximation.
  assert.ok(late && late.lateByMs > 18_000 && late.lateByMs < 30_000, `${late?.lateByMs}`);
  const byCost = due(booked, 600_000);
  const cheap = byCost.classes.map((one) => ({ ...one, objective: 'cost' as const }));
  const plan = await planOf({ ...byCost, classes: cheap });
  assert.deepEqual(plan.late, []);
});

test('what can be planned with nothing booked ahead can be with it, whatever is wanted', async () => {
  const wants = fc.array(
    fc.record({
      deadlineInMs: fc.option(fc.integer({ min: 1, max: 600_000 })),
      objective: fc.constantFrom('time' as const, 'cost' as const),
    }),
    { minLength: 4, maxLength: 4 },
  );
  const problems = fc.tuple(
    anyProblem({ classes: 4, deployments: 3, shared: true, most: 400 }),
    fc.array(fc.constantFrom(0, 0, 500, 20_000, 60_000), { minLength: 12, maxLength: 12 }),
    wants,
  );
  await fc.assert(
    fc.asyncProperty(problems, async ([plain, aheads, wanted]) => {
      const classes = plain.classes.map((one, i) => ({ ...one, ...wanted[i] }));
      const booked = bookedAhead({ ...plain, classes }, aheads);
      const free = await makePlan(unbooked(booked));
      if (free.kind === 'failed') return;
      const planned = await makePlan(booked);
      assert.equal(planned.kind, 'solved', JSON.stringify(planned));
    }),
    { numRuns: 40, endOnFailure: true },
  );
});

const bookedAhead = (problem: DrainProblem, aheads: readonly number[]): DrainProblem => {
  let next = 0;
  const budgets = problem.budgets.map((budget) => ({
    ...budget,
    rates: budget.rates.map((rate) =>
      ahead({ ...rate, burst: 0 }, aheads[next++ % aheads.length] as number),
    ),
  }));
  return { ...problem, budgets };
};
