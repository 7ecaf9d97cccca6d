import assert from 'node:assert/strict';
import { test } from 'node:test';
import { candidate } from './example-candidates.ts';
import { jobsAt, placeAll, strategy, times } from './example-stream.ts';

const share = (errorRate: number, power: number): number => {
  const candidates = [candidate('well'), candidate('failing', { errorRate })];
  const all = placeAll(
    { strategy: strategy('error_weighted', { power }), candidates },
    times(10_000),
  );
  return jobsAt(all, 'failing') / jobsAt(all, 'well');
};

test('gives what fails as much less as the power says', () => {
  assert.ok(Math.abs(share(0.1, 2) - 0.81) < 0.001);
  assert.ok(Math.abs(share(0.5, 2) - 0.25) < 0.001);
  assert.ok(Math.abs(share(0.5, 1) - 0.5) < 0.001);
  assert.ok(Math.abs(share(0.5, 0) - 1) < 0.001);
});

test('keeps a hundredth for what fails always, so that its recovery is seen', () => {
  assert.ok(Math.abs(share(1, 2) - 0.01) < 0.001);
});

test('all failing: they share like all well', () => {
  const candidates = ['a', 'b'].map((id) => candidate(id, { errorRate: 1 }));
  const all = placeAll({ strategy: strategy('error_weighted'), candidates }, times(100));
  assert.equal(jobsAt(all, 'a'), 50);
});
