import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dayRates, renewalMs } from './day-rates.ts';
import type { WindowUse } from './day-rates.ts';
import { idealDrain } from './ideal-drain.ts';
import type { JobClass } from './problem.ts';

const DAY_MS = 86_400_000;
const window = (dimension: WindowUse['dimension'], limit: number, used = 0): WindowUse => ({
  dimension,
  limit,
  used,
});
const work = (jobs: number, usd = 0): JobClass[] => [
  {
    id: 'k',
    jobs,
    deployments: { a: { cost: { requests: 1, input: 90, output: 10, usd }, latencyMs: 100 } },
  },
];

test('what the work cannot use up is no row', () => {
  const windows = [window('rpd', 1_000), window('tpd', 100_000)];
  assert.deepEqual(dayRates(windows, work(1_000)), []);
  assert.deepEqual(
    dayRates(windows, work(1_001)).map(({ dimension, burst }) => [dimension, burst]),
    [
      ['rpd', 1_000],
      ['tpd', 100_000],
    ],
  );
});

test('what is used of it is gone, and both limits in dollars count', () => {
  const [rpd] = dayRates([window('rpd', 1_000, 400)], work(700));
  assert.deepEqual([rpd?.burst, (rpd?.perMs ?? 0) * DAY_MS], [600, 1_000]);
  const windows = [window('usd_per_day', 3), window('usd_per_month', 20, 19)];
  const rates = dayRates(windows, work(100, 0.1));
  assert.deepEqual(
    rates.map(({ dimension, burst }) => [dimension, burst]),
    [
      ['usd_per_day', 3],
      ['usd_per_month', 1],
    ],
  );
});

const drain = async (jobs: number, windows = [window('rpd', 1_000)], usd = 0) => {
  const classes = work(jobs, usd);
  const rates = [
    { dimension: 'rpm' as const, perMs: 0.01, burst: 10 },
    ...dayRates(windows, classes),
  ];
  const ideal = await idealDrain({
    classes,
    deployments: [{ id: 'a', budgets: ['a'], concurrency: null }],
    budgets: [{ id: 'a', concurrency: null, rates }],
  });
  assert.ok(ideal.kind === 'solved');
  return renewalMs(
    ideal.idealMs,
    ideal.binding.map(({ dimension }) => dimension),
  );
};

test('5,000 lines at 1,000 a day take four more days; 1,500 take one', async () => {
  assert.deepEqual(
    [await drain(5_000), await drain(1_500), await drain(900)],
    [4 * DAY_MS, DAY_MS, null],
  );
});

test('a month comes back a month later, and holds although less is left of the day', async () => {
  const month = [window('usd_per_month', 100)];
  assert.deepEqual(
    [await drain(150, month, 1), await drain(250, month, 1), await drain(90, month, 1)],
    [30 * DAY_MS, 60 * DAY_MS, null],
  );
  const both = [window('usd_per_day', 100, 50), window('usd_per_month', 1_000, 900)];
  assert.deepEqual(
    [await drain(90, both, 1), await drain(500, both, 1)],
    [DAY_MS, 30 * DAY_MS],
    'what the month has left outlasts the day only where little is wanted',
  );
});
