import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSamePrice, pricesCountedAs } from './same-price.ts';

const counted = (prices: (number | null)[], within: number): (number | null)[] => [
  ...pricesCountedAs(new Map(prices.map((usd, i) => [i, usd])), within).values(),
];

test('at most so many percent above the cheapest is the same price', () => {
  assert.ok(isSamePrice(1.05, 1, 5));
  assert.ok(!isSamePrice(1.06, 1, 5));
  assert.ok(isSamePrice(1 + 1e-12, 1, 0), 'rounding');
  assert.ok(isSamePrice(0, 0, 5) && !isSamePrice(1e-9, 0, 1_000), 'free is cheaper than anything');
});

test('each counts as the cheapest of those that count as the same, from the cheapest upwards', () => {
  assert.deepEqual(counted([1.04, 1, 9, 1.08, null, 9.2], 5), [1, 1, 9, 1.08, null, 9]);
  assert.deepEqual(counted([1.04, 1, 9], 0), [1.04, 1, 9]);
  assert.deepEqual(counted([0, 0.001, 0], 1_000), [0, 0.001, 0]);
  assert.deepEqual(counted([null, null], 5), [null, null]);
});
