import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Candidate } from './candidate.ts';
import { asked, candidate, perMinute } from './example-candidates.ts';
import { jobsAt, placeAll, strategy, times } from './example-stream.ts';

const first = (candidates: Candidate[], settings = {}): string | undefined =>
  placeAll({ strategy: strategy('adaptive', settings), candidates, piles: false }, [asked()])[0]
    ?.deployment;

const rpm = (aheadMs: number) => ({ rates: [perMinute('rpm', 6_000, { aheadMs })] });

test('among the cold the lowest predicted finish', () => {
  const near = candidate('near', { predictedMs: 900, ...rpm(200) });
  const quick = candidate('quick', { predictedMs: 800, ...rpm(0) });
  const slowed = candidate('slowed', { predictedMs: 500, speed: 3, ...rpm(0) });
  assert.equal(first([near, quick, slowed]), 'quick');
});

test('the quickest is left when its budget is hot', () => {
  const quick = candidate('quick', { predictedMs: 100, ...rpm(300) });
  const slow = candidate('slow', { predictedMs: 5_000, ...rpm(0) });
  assert.equal(first([quick, slow]), 'slow');
  assert.equal(first([quick, slow], { hot_ms: 500 }), 'quick');
});

test('the quickest is left when its slots are hot, its own or shared ones', () => {
  const slow = candidate('slow', { predictedMs: 5_000 });
  const own = candidate('quick', { predictedMs: 100, concurrency: 10, inFlight: 8 });
  assert.equal(first([own, slow]), 'slow');
  assert.equal(first([{ ...own, inFlight: 7 }, slow]), 'quick');
  const sharedSlots = [{ budget: 'org', limit: 10, taken: 9 }];
  assert.equal(first([candidate('quick', { predictedMs: 100, sharedSlots }), slow]), 'slow');
});

test('a free deployment of one slot is not hot', () => {
  const one = candidate('one', { predictedMs: 100, concurrency: 1 });
  assert.equal(first([one, candidate('slow', { predictedMs: 5_000 })]), 'one');
});

test('all hot: the least spoken for, however slow', () => {
  const quick = candidate('quick', { predictedMs: 100, ...rpm(900) });
  const slow = candidate('slow', { predictedMs: 5_000, ...rpm(600) });
  assert.equal(first([quick, slow]), 'slow');
});

test('piled up, the quicker is filled first and then capacity shares', () => {
  const candidates = [
    candidate('quick', { predictedMs: 500, rates: [perMinute('rpm', 600)] }),
    candidate('slow', { predictedMs: 900, rates: [perMinute('rpm', 1_200)] }),
  ];
  const all = placeAll({ strategy: strategy('adaptive'), candidates }, times(1_802));
  // First two of 100 ms reach hot_ms on the quick one; in the end each has what its limit can do.
  assert.deepEqual(
    all.slice(0, 2).map(({ deployment }) => deployment),
    ['quick', 'quick'],
  );
  assert.ok(Math.abs(jobsAt(all, 'quick') - 600) <= 3, `${jobsAt(all, 'quick')}`);
});
