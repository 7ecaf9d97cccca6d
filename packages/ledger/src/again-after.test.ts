import assert from 'node:assert/strict';
import { test } from 'node:test';
import { againAfterMs } from './again-after.ts';

test('what failed is tried again after as long as it has failed: two seconds at least, a minute at most', () => {
  const all = [0, 1_999, 2_000, 7_500, 60_000, 3_600_000].map(againAfterMs);
  assert.deepEqual(all, [2_000, 2_000, 2_000, 7_500, 60_000, 60_000]);
});
