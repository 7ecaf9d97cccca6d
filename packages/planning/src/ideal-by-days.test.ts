import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { fleet, jobClass, perMinute } from './example-problems.ts';
import { idealByDays } from './ideal-by-days.ts';
import type { WindowLimit } from './ideal-by-days.ts';
import { idealDrain } from './ideal-drain.ts';
import type { DrainProblem, PlannedRate } from './problem.ts';
import { DAY_MS } from './windows.ts';

const timeOf = async (problem: DrainProblem, windows: WindowLimit[]): Promise<number> => {
  const found = await idealByDays(problem, windows);
  assert.ok(found.kind === 'solved', JSON.stringify(found));
  return found.idealMs;
};
const near = (found: number, expected: number): void =>
  assert.ok(Math.abs(found - expected) < 1, `${found} instead of ${expected}`);

const lines = (jobs: number, on = ['a']) => jobClass('k', jobs, { on, latencyMs: 100 });
const perDay = (limit: number, budget = 'a'): WindowLimit => ({ budget, window: 'rpd', limit });

const atAThousand = (jobs: number): Promise<number> =>
  timeOf({ classes: [lines(jobs)], ...fleet({ a: [] }) }, [perDay(1_000)]);

test('a day gives its limit once, at its beginning', async () => {
  near(await atAThousand(1_000), 100);
  near(await atAThousand(1_001), DAY_MS + 100);
  near(await atAThousand(2_000), DAY_MS + 100);
  near(await atAThousand(5_000), 4 * DAY_MS + 100);
});

test('what is there is taken at the rate per minute', async () => {
  const problem = { classes: [lines(1_500)], ...fleet({ a: [perMinute('rpm', 1)] }) };
  near(await timeOf(problem, [perDay(1_000)]), DAY_MS + 60_000 * 60 + 100);
});

test('whoever has no such limit takes the rest before the day is over', async () => {
  const both = fleet({ a: [], b: [perMinute('rpm', 1)] });
  const problem = { classes: [lines(1_100, ['a', 'b'])], ...both };
  near(await timeOf(problem, [perDay(1_000)]), 100 * 60_000 + 100);
});

test('a month is thirty days, and both limits on money hold', async () => {
  const cost = { usd: 1 };
  const windows: WindowLimit[] = [
    { budget: 'a', window: 'usd_per_day', limit: 10 },
    { budget: 'a', window: 'usd_per_month', limit: 35 },
  ];
  const at = (jobs: number) =>
    timeOf(
      { classes: [jobClass('k', jobs, { on: ['a'], cost, latencyMs: 0 })], ...fleet({ a: [] }) },
      windows,
    );
  near(await at(35), 3 * DAY_MS);
  near(await at(36), 30 * DAY_MS);
  near(await at(70), 30 * DAY_MS);
  near(await at(71), 60 * DAY_MS);
});

test('of one class on several deployments it is the first moment at which all have had enough', async () => {
  const some = fc.record({
    rpd: fc.integer({ min: 1, max: 50 }),
    rpm: fc.double({ min: 0.001, max: 10, noNaN: true }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 500 }),
      fc.array(some, { minLength: 1, maxLength: 4 }),
      async (jobs, budgets) => {
        const ids = budgets.map((_, i) => `d${i}`);
        const rates = budgets.map(
          ({ rpm }, i) => [`d${i}`, [perMinute('rpm', rpm)]] as [string, PlannedRate[]],
        );
        const problem = { classes: [lines(jobs, ids)], ...fleet(Object.fromEntries(rates)) };
        const windows = budgets.map(({ rpd }, i) => perDay(rpd, `d${i}`));
        const doneBy = (ms: number): number =>
          budgets.reduce((sum, { rpd, rpm }) => {
            const byRate = (rpm * ms) / 60_000;
            return sum + Math.min(byRate, rpd * (Math.floor(ms / DAY_MS) + 1));
          }, 0);
        const found = (await timeOf(problem, windows)) - 100;
        assert.ok(doneBy(found + 1) >= jobs * (1 - 1e-6), `too soon: ${found}`);
        assert.ok(doneBy(Math.max(0, found - 1)) <= jobs * (1 + 1e-6), `too late: ${found}`);
        const without = await idealDrain(problem);
        assert.ok(without.kind === 'solved' && without.idealMs <= found + 101);
      },
    ),
    { numRuns: 200 },
  );
});
