import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noUsage } from '@sluice/ledger';
import type { UsageCell, UsageFigures } from '@sluice/ledger';
import { UsageSums, bucketsOf } from './usage-report.ts';

const figures = (over: Partial<UsageFigures>): UsageFigures => ({ ...noUsage(), ...over });
const calls = (over: Partial<UsageFigures>): UsageCell => ({
  kind: 'calls',
  tenant: 'team',
  pool: 'fast',
  deployment: '',
  figures: figures(over),
});
const value = (name: string | null, succeeded: number, over = {}): UsageCell => ({
  kind: 'metadata',
  tenant: 'team',
  key: 'project',
  value: name,
  isRest: false,
  figures: figures({ succeeded }),
  ...over,
});

test('buckets cover the span, each hour once; the first and the last day may be parts', () => {
  assert.deepEqual(bucketsOf({ from: 46, to: 97 }, 'day'), [
    { from: 46, to: 48 },
    { from: 48, to: 72 },
    { from: 72, to: 96 },
    { from: 96, to: 97 },
  ]);
  assert.deepEqual(bucketsOf({ from: 46, to: 48 }, 'hour'), [
    { from: 46, to: 47 },
    { from: 47, to: 48 },
  ]);
  assert.deepEqual(bucketsOf({ from: 46, to: 97 }, 'total'), [{ from: 46, to: 97 }]);
});

test('a sum with a part of unknown cost is unknown, beside the part that is known; without an answer is no such part', () => {
  const sums = new UsageSums(null);
  sums.add(calls({ attempts: 2, costUsd: 0.1, unanswered: 1 }));
  sums.add(calls({ attempts: 1, costUsd: 0.2 }));
  assert.equal(sums.rows(1)[0]?.cost_usd, 0.3);
  sums.add(calls({ attempts: 1, unpriced: 1 }));
  const [row] = sums.rows(1);
  assert.deepEqual([row?.cost_usd, row?.cost_usd_known, row?.attempts], [null, 0.3, 4]);
});

test('nothing used is zeros without groups, and no groups with', () => {
  assert.equal(new UsageSums(null).rows(1)[0]?.jobs, 0);
  assert.deepEqual(new UsageSums({ by: 'pool' }).rows(1), []);
});

test('the metadata values with the most jobs are told apart, the rest is `other`, jobs without one are null', () => {
  const sums = new UsageSums({ by: 'metadata', key: 'project' });
  for (const cell of [value('a', 1), value('b', 5), value('c', 2), value(null, 9), value('d', 1)])
    sums.add(cell);
  sums.add(value(null, 3, { isRest: true }));
  sums.add(value('x', 7, { key: 'user' }));
  sums.add(calls({ succeeded: 100 }));
  assert.deepEqual(
    sums.rows(2).map(({ group, jobs }) => [group, jobs]),
    [
      ['b', 5],
      ['c', 2],
      ['other', 5],
      [null, 9],
    ],
  );
});
