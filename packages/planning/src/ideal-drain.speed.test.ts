/**
 * How long the planner holds the thread. The figures are printed; the bounds only catch what would make a plan every
 * few seconds impossible, on machines of any speed.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import { idealDrain } from './ideal-drain.ts';
import type { DrainProblem } from './problem.ts';

/** Classes of log-spread shapes over deployments whose budgets favour one or the other, every fourth pair sharing one more. */
function typical(classes: number, deployments: number): DrainProblem {
  const random = seededRandom(5);
  const spread = (low: number, high: number): number => low * (high / low) ** random();
  const ids = Array.from({ length: deployments }, (_, i) => `d${i}`);
  return {
    classes: Array.from({ length: classes }, (_, k) => {
      const [input, output] = [spread(50, 8_000), spread(10, 1_500)];
      const on = ids.filter((_id, i) => (i + k) % 5 !== 0);
      const placement = { cost: { requests: 1, input, output }, latencyMs: 300 + 12 * output };
      return {
        id: `k${k}`,
        jobs: Math.round(spread(10, 5_000)),
        deployments: Object.fromEntries(on.map((id) => [id, placement])),
      };
    }),
    deployments: ids.map((id, i) => ({
      id,
      budgets: [id, ...(i % 4 < 2 ? [`org${Math.floor(i / 4)}`] : [])],
      concurrency: i % 3 === 0 ? 64 : null,
    })),
    budgets: [
      ...ids.map((id) => ({
        id,
        rates: [
          { dimension: 'rpm' as const, perMs: spread(400, 6_000) / 60_000, burst: 10 },
          { dimension: 'tpm' as const, perMs: spread(2e5, 2e6) / 60_000, burst: 4_000 },
        ],
        concurrency: null,
      })),
      ...ids.map((_id, i) => ({
        id: `org${i}`,
        rates: [{ dimension: 'itpm' as const, perMs: spread(2e5, 2e6) / 60_000, burst: 4_000 }],
        concurrency: null,
      })),
    ],
  };
}

for (const [classes, deployments, mostMs] of [
  [25, 4, 500],
  [60, 40, 2_000],
] as const)
  test(`${classes} classes on ${deployments} deployments`, async (t) => {
    const problem = typical(classes, deployments);
    const times: number[] = [];
    for (let round = 0; round < 7; round += 1) {
      const begun = performance.now();
      assert.equal((await idealDrain(problem)).kind, 'solved');
      times.push(performance.now() - begun);
    }
    const [first] = times;
    const median = times.toSorted((a, b) => a - b)[3] as number;
    t.diagnostic(`first ${first?.toFixed(1)} ms, median ${median.toFixed(1)} ms`);
    assert.ok(median < mostMs, `${median.toFixed(1)} ms`);
  });
