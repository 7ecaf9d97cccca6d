/** A problem found at random where a round leaves so little of a limit that the next would delay what it was to hasten. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planOf } from './example-problems.ts';
import type { JobClass } from './problem.ts';

const placements = (
  places: Record<string, [input: number, output: number, latencyMs: number]>,
): JobClass['deployments'] =>
  Object.fromEntries(
    Object.entries(places).map(([id, [input, output, latencyMs]]) => [
      id,
      { cost: { requests: 1, input, output }, latencyMs },
    ]),
  );

test('no later round delays what the first had in time', async () => {
  const plan = await planOf({
    classes: [
      { id: 'k0', jobs: 1, deployments: placements({ d1: [1, 8, 4] }) },
      { id: 'k1', jobs: 1, deployments: placements({ d2: [1, 0, 12] }) },
      {
        id: 'k2',
        jobs: 21_783,
        deployments: placements({
          d0: [1, 7, 29_992],
          d1: [2, 0, 9_151],
          d2: [1, 1_205, 29_987],
          d3: [1, 0, 29_967],
        }),
      },
      { id: 'k3', jobs: 24_926, deployments: placements({ d1: [17_007, 0, 1] }) },
    ],
    deployments: [
      { id: 'd0', budgets: ['d0-budget', 'd1-budget'], concurrency: null },
      { id: 'd1', budgets: ['d1-budget'], concurrency: 1 },
      { id: 'd2', budgets: ['d2-budget', 'd3-budget'], concurrency: 1 },
      { id: 'd3', budgets: ['d3-budget'], concurrency: null },
    ],
    budgets: [
      { id: 'd0-budget', rates: [{ dimension: 'rpm', perMs: 0.0001, burst: 0 }], concurrency: 1 },
      {
        id: 'd1-budget',
        rates: [{ dimension: 'itpm', perMs: 1.9491873476727148, burst: 0 }],
        concurrency: 4,
      },
      {
        id: 'd2-budget',
        rates: [{ dimension: 'otpm', perMs: 0.0050230110445812545, burst: 0 }],
        concurrency: 1,
      },
      { id: 'd3-budget', rates: [], concurrency: 3 },
    ],
  });
  const slowest = Math.max(...plan.pairs.map(({ latencyMs }) => latencyMs));
  assert.ok(plan.plannedMs <= plan.idealMs + slowest + 1, `${plan.plannedMs - plan.idealMs}`);
});
