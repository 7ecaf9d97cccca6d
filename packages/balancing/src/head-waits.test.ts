import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeadWaits } from './head-waits.ts';

test('a lane waits since it had lines, or since the first tier last took one', () => {
  const waits = new HeadWaits();
  waits.count('a', 3, 100);
  waits.count('b', 1, 200);
  waits.count('a', 5, 250);
  assert.deepEqual([waits.since('a', 300), waits.since('b', 300)], [100, 200]);
  waits.took('a', 300);
  waits.count('a', -7, 400);
  assert.deepEqual([waits.since('a', 500), waits.since('b', 500)], [300, 200]);
});

test('a lane that had none for a while has not waited when the next ones come', () => {
  const waits = new HeadWaits();
  waits.count('a', 2, 100);
  waits.count('a', -2, 200);
  assert.equal(waits.since('a', 250), 250);
  waits.took('a', 260);
  waits.count('a', 1, 300);
  assert.equal(waits.since('a', 900), 300);
});
