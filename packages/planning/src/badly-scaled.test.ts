/** A problem found at random on which the solver gives up at first: rates of one a day beside calls of a millisecond. */
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
      { cost: { requests: 1, input, output, usd: 0 }, latencyMs },
    ]),
  );
const deployment = (id: string, shared: string[], concurrency: number) => ({
  id,
  budgets: [`${id}-budget`, ...shared.map((each) => `${each}-budget`)],
  concurrency,
});
const rate = (dimension: 'rpm' | 'tpm' | 'itpm' | 'otpm', perMs: number) => ({
  dimension,
  perMs,
  burst: 0,
});

test('figures that lie far apart, on which the solver gives up at first, are still planned', async () => {
  const idealMs = 1_641_888_995.153115;
  const soon = { deadlineInMs: 0.05 * idealMs };
  const plan = await planOf({
    classes: [
      { id: 'k0', jobs: 1, deployments: placements({ d2: [18_329, 0, 1] }), ...soon },
      {
        id: 'k1',
        jobs: 1,
        deployments: placements({ d2: [1_799, 4, 1] }),
        ...soon,
        objective: 'cost',
      },
      { id: 'k2', jobs: 2, deployments: placements({ d3: [12, 1_295, 33] }), objective: 'cost' },
      {
        id: 'k3',
        jobs: 455,
        deployments: placements({ d1: [9_567, 0, 3], d3: [9_563, 952, 574] }),
        ...soon,
        objective: 'cost',
      },
      {
        id: 'k4',
        jobs: 676,
        deployments: placements({
          d0: [6_451, 3_989, 29_993],
          d1: [8_530, 3, 20_198],
          d3: [16_224, 0, 358],
        }),
        deadlineInMs: 0.6610950469194854 * idealMs,
      },
    ],
    deployments: [
      deployment('d0', ['d1'], 1),
      deployment('d1', [], 8),
      deployment('d2', ['d0'], 1),
      deployment('d3', ['d1'], 1),
    ],
    budgets: [
      { id: 'd0-budget', rates: [], concurrency: null },
      {
        id: 'd1-budget',
        rates: [rate('itpm', 0.005306123027210778), rate('otpm', 0.7034921084573392)],
        concurrency: 50,
      },
      {
        id: 'd2-budget',
        rates: [
          rate('rpm', 0.0001),
          rate('itpm', 0.000245181008696912),
          rate('tpm', 0.00024522973283939867),
        ],
        concurrency: 1,
      },
      { id: 'd3-budget', rates: [], concurrency: 1 },
    ],
  });
  assert.deepEqual(
    plan.late.map((each) => each.class),
    ['k3'],
  );
});
