import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OUTLIER, afterInterval } from './outliers.ts';
import type { Slowness } from './outliers.ts';

const GROUPS = [['a', 'b', 'c']];

function after(intervals: readonly Record<string, number>[], calls = 10, groups = GROUPS) {
  let state: ReadonlyMap<string, Slowness> = new Map();
  for (const latencies of intervals) {
    const measured = Object.entries(latencies).map(
      ([id, latencyMs]) => [id, { latencyMs, calls }] as const,
    );
    state = afterInterval(state, new Map(measured), groups);
  }
  return [...state].filter(([, { slow }]) => slow).map(([id]) => id);
}

const slow = { a: 3_100, b: 1_000, c: 900 };
const usual = { a: 1_000, b: 1_000, c: 900 };

test('three times slower than the others for three intervals in a row, not less', () => {
  assert.deepEqual(after([slow, slow]), []);
  assert.deepEqual(after([slow, slow, slow]), ['a']);
  assert.deepEqual(after([slow, slow, usual, slow, slow]), []);
  const just = { ...slow, a: 2_900 };
  assert.deepEqual(after([just, just, just, just]), []);
});

test('it counts in full again once it is under twice the others', () => {
  const between = { ...slow, a: 2_500 };
  assert.deepEqual(after([slow, slow, slow, between]), ['a']);
  assert.deepEqual(after([slow, slow, slow, between, usual]), []);
});

test('few calls say nothing, and who has no peers is no outlier', () => {
  assert.deepEqual(after([slow, slow, slow], OUTLIER.leastCalls - 1), []);
  assert.deepEqual(after([slow, slow, slow], 10, [['a'], ['b', 'c']]), []);
  assert.deepEqual(
    after([slow, slow, slow], 10, [
      ['a', 'b'],
      ['a', 'd'],
    ]),
    ['a'],
  );
});

test('of two the slow one, never both', () => {
  const two = { a: 4_000, b: 1_000 };
  assert.deepEqual(after([two, two, two], 10, [['a', 'b']]), ['a']);
});
