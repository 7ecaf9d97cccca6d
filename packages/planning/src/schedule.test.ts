/** T* is a lower bound: no schedule of whole jobs, carried out call by call, ends sooner. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import * as fc from 'fast-check';
import { anyProblem } from './example-problems.ts';
import { idealDrain } from './ideal-drain.ts';
import { type DrainProblem, type PlannedRate, unitsOf } from './problem.ts';

interface Slots {
  free: number[];
}
interface Meter {
  rate: PlannedRate;
  used: number;
}

const slots = (n: number | null): Slots => ({ free: Array.from({ length: n ?? 1_000 }, () => 0) });

/** The figures of a running installation: what each rate has given out, when each slot is free again. */
function open({ budgets, deployments }: DrainProblem) {
  const byBudget = new Map(
    budgets.map(({ id, rates, concurrency }) => [
      id,
      { meters: rates.map((rate): Meter => ({ rate, used: 0 })), slots: slots(concurrency) },
    ]),
  );
  return new Map(
    deployments.map(({ id, budgets: drawn, concurrency }) => {
      const all = drawn.map((budget) => byBudget.get(budget)!);
      return [
        id,
        {
          meters: all.flatMap(({ meters }) => meters),
          slots: [slots(concurrency), ...all.map((each) => each.slots)],
        },
      ];
    }),
  );
}

const soonestSlot = ({ free }: Slots): number => free.indexOf(Math.min(...free));

/** Makes every call as soon as budgets and slots allow, in random order and places; the time of the last answer, ms. */
function drain(problem: DrainProblem, random: () => number): number {
  const installation = open(problem);
  const jobs = problem.classes
    .flatMap((each) => Array.from({ length: each.jobs }, () => each))
    .map((each) => ({ each, key: random() }))
    .toSorted((a, b) => a.key - b.key);
  let last = 0;
  for (const { each } of jobs) {
    const places = Object.entries(each.deployments);
    const [id, { cost, latencyMs }] = places[Math.floor(random() * places.length)]!;
    const { meters, slots: pools } = installation.get(id)!;
    let start = 0;
    for (const meter of meters) {
      meter.used += unitsOf(cost, meter.rate.dimension);
      start = Math.max(start, (meter.used - meter.rate.burst) / meter.rate.perMs);
    }
    for (const pool of pools) start = Math.max(start, pool.free[soonestSlot(pool)]!);
    for (const pool of pools) pool.free[soonestSlot(pool)] = start + latencyMs;
    last = Math.max(last, start + latencyMs);
  }
  return last;
}

test('no schedule of whole jobs ends sooner', async () => {
  const anyCase = fc.tuple(
    anyProblem({ classes: 2, deployments: 2, shared: true, most: 6 }),
    fc.integer(),
  );
  await fc.assert(
    fc.asyncProperty(anyCase, async ([problem, seed]) => {
      const ideal = await idealDrain(problem);
      assert.ok(ideal.kind === 'solved');
      const random = seededRandom(seed);
      for (let attempt = 0; attempt < 20; attempt += 1) {
        const took = drain(problem, random);
        assert.ok(took >= ideal.idealMs * (1 - 1e-6) - 1e-3, `${took} < ${ideal.idealMs}`);
      }
    }),
    { numRuns: 300 },
  );
});
