import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rulesOf } from './rules.ts';

const usedOf = (rpm: number): number => {
  const { pacers } = rulesOf({ id: 'b', limits: { rpm }, outputCharge: 'actual', root: 'b' });
  return Number(pacers.find(({ dimension }) => dimension === 'rpm')?.share.toFixed(4));
};

test('where a second holds one request, calls come 30 ms later than the limit says', () => {
  assert.equal(usedOf(60), 0.9709);
  assert.equal(usedOf(40), 0.9804);
});

test('above, and far below, the usual margin is more than that', () => {
  for (const rpm of [1, 10, 30, 62, 100, 600, 10_000]) assert.equal(usedOf(rpm), 0.985, `${rpm}`);
});
