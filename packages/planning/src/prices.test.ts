import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Arc } from './limits.ts';
import { dearArcs, sameArcs } from './prices.ts';
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
      fromMs: 0,
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

test('places of one price are the same to a class that saves money, unknown prices too; never those of another class', () => {
  const arcs = arcsOf(
    priced('cost', [1, 2, 1, null, null]),
    priced('time', [1, 1]),
    priced('cost', [1]),
  );
  assert.deepEqual(sameArcs(arcs), [0, 1, 0, 3, 3, 5, 6, 7]);
});

test('what a price counts as decides, where that is said', () => {
  const [one, other] = arcsOf(priced('cost', [1, 1.05])) as [Arc, Arc];
  const counted = { ...other, placement: { ...other.placement, countsAsUsd: 1 } };
  assert.deepEqual(dearArcs([one, other]), [false, true]);
  assert.deepEqual(dearArcs([one, counted]), [false, false]);
  assert.deepEqual(sameArcs([one, counted]), [0, 0]);
});
