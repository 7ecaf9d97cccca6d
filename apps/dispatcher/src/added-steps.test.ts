import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddedSteps } from './added-steps.ts';

test('a step that is to run again waits on its queue once, however long that is', () => {
  const steps = new AddedSteps();
  assert.equal(steps.waits('validate b', 0), false);
  steps.added('validate b', 0);
  assert.equal(steps.waits('validate b', 15_000), true);
  steps.begun('validate b');
  assert.equal(steps.waits('validate b', 15_000), false);
  steps.added('validate b', 75_000);
  for (const now of [15_000, 30_000, 75_000]) assert.equal(steps.waits('validate b', now), true);
  assert.equal(steps.waits('finalise b', 30_000), false);
});

test('one that did not get its turn for five minutes after it was due is lost', () => {
  const steps = new AddedSteps();
  steps.added('validate b', 60_000);
  assert.equal(steps.waits('validate b', 359_999), true);
  assert.equal(steps.waits('validate b', 360_000), false);
});
