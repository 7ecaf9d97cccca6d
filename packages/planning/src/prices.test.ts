import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Arc } from './limits.ts';
import { dearArcs } from './prices.ts';
import type { JobClass } from './problem.ts';

const priced = (objective: 'time' | 'cost', prices: readonly (number | null)[]): JobClass => ({
  id: 'k',
  jobs: 1,
  objective,
  deployments: Object.fromEntries(
    prices.map((usd, i) => [
      `d${i}`,
      { cost: { requests: 1, input: 0, output: 0, usd }, latencyMs: 0 },
    ]),
  ),
});

const arcsOf = (...classes: JobClass[]): Arc[] =>
  classes.flatMap((jobClass) =>
    Object.entries(jobClass.deployments).map(([deployment, placement]) => ({
      jobClass,
      deployment,
      placement,
    })),
  );

test('dear is what a class that saves money has cheaper elsewhere', () => {
  const cases: [(number | null)[], boolean[]][] = [
    [
      [1, 10, 1],
      [false, true, false],
    ],
    [
      [null, 10],
      [true, false],
    ],
    [
      [0, 0.001],
      [false, true],
    ],
    [
      [null, null],
      [false, false],
    ],
  ];
  for (const [prices, dear] of cases)
    assert.deepEqual(dearArcs(arcsOf(priced('cost', prices))), dear, String(prices));
});

test('each class has its own cheapest, and one that saves time has nothing that is dear', () => {
  const arcs = arcsOf(priced('cost', [5, 1]), priced('time', [1, 10]), priced('cost', [10, 20]));
  assert.deepEqual(dearArcs(arcs), [true, false, false, false, false, true]);
});
