import assert from 'node:assert/strict';
import { test } from 'node:test';
import { candidate } from './example-candidates.ts';
import { jobsAt, placeAll, strategy, times } from './example-stream.ts';

test('goes where the smallest part of the slots is used', () => {
  const candidates = [
    candidate('few', { concurrency: 10, inFlight: 3 }),
    candidate('many', { concurrency: 100, inFlight: 20, queued: 5 }),
  ];
  assert.equal(
    jobsAt(placeAll({ strategy: strategy('least_busy'), candidates }, times(1)), 'many'),
    1,
  );
});

test('draws ties by weight', () => {
  const candidates = [candidate('a', { weight: 3, inFlight: 2 }), candidate('b', { inFlight: 2 })];
  const all = placeAll({ strategy: strategy('least_busy'), candidates, seed: 5 }, times(10_000));
  // Four standard deviations, p = 3/4.
  assert.ok(Math.abs(jobsAt(all, 'a') - 7_500) <= 173, `${jobsAt(all, 'a')}`);
});
