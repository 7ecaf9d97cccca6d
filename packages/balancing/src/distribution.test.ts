/** How strategies share out work over thousands of placements: seeded, with tolerances that follow from theory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import type { Asked, Candidate } from './candidate.ts';
import { capacity } from './capacity.ts';
import { choose } from './choose.ts';
import { asked, candidate, perMinute, pool } from './example-candidates.ts';
import { roundRobin } from './round-robin.ts';
import { placeAll, times } from './example-stream.ts';
import { NO_MEMORY } from './strategy.ts';
import { weighted } from './weighted.ts';

const place = (setup: Parameters<typeof placeAll>[0], requests: readonly Asked[]): string[] =>
  placeAll(setup, requests).flatMap(({ deployment, jobs }) =>
    Array.from({ length: jobs }, () => deployment),
  );
const count = (all: readonly string[], id: string): number =>
  all.filter((each) => each === id).length;

test('capacity shares work out in proportion to the limits, to within a job', () => {
  const rpm = { a: 900, b: 600, c: 300 };
  const candidates = Object.entries(rpm).map(([id, limit]) =>
    candidate(id, { rates: [perMinute('rpm', limit)] }),
  );
  const places = place({ strategy: capacity, candidates }, times(1_800));
  // Always the least spoken for: no two ever differ by more than one job's time, so no count by more than one job.
  for (const [id, share] of Object.entries(rpm))
    assert.ok(Math.abs(count(places, id) - share) <= 1, `${id}: ${count(places, id)}`);
});

test('capacity sends each shape where its budget is not the scarce one', () => {
  const manyCalls = candidate('calls', {
    rates: [perMinute('rpm', 3_000), perMinute('tpm', 600_000)],
  });
  const manyTokens = candidate('tokens', {
    rates: [perMinute('rpm', 400), perMinute('tpm', 6_000_000)],
  });
  const short = asked({ cost: { requests: 1, input: 40, output: 10 } });
  const long = asked({ cost: { requests: 1, input: 9_000, output: 1_000 } });
  const candidates = [manyCalls, manyTokens];
  // Alone, shares follow the paces: short 3,000 to 400 a minute, long 60 to 400 (6,000,000 / 10,000 is 600 > 400 rpm).
  const shorts = place({ strategy: capacity, candidates }, times(1_700, short));
  assert.ok(Math.abs(count(shorts, 'calls') - 1_500) <= 1);
  const longs = place({ strategy: capacity, candidates }, times(460, long));
  assert.ok(Math.abs(count(longs, 'tokens') - 400) <= 1);
});

test('capacity draws ties by weight', () => {
  const candidates = [candidate('a', { weight: 3 }), candidate('b', { weight: 1 })];
  const places = place({ strategy: capacity, candidates, seed: 7 }, times(10_000));
  // Binomial with p = 3/4: four standard deviations are 4 × √(10,000 × 3/16) = 173.
  assert.ok(Math.abs(count(places, 'a') - 7_500) <= 173, `${count(places, 'a')}`);
});

test('capacity draws ties of many evenly, the first not favoured', () => {
  const candidates = Array.from({ length: 5 }, (_, i) => candidate(`d${i}`));
  const places = place({ strategy: capacity, candidates, seed: 11 }, times(10_000));
  // p = 1/5: 4 × √(10,000 × 4/25) = 160.
  for (const { id } of candidates)
    assert.ok(Math.abs(count(places, id) - 2_000) <= 160, `${id}: ${count(places, id)}`);
});

test('capacity prefers the lower load where no rate tells them apart', () => {
  const busy = candidate('busy', { concurrency: 10, inFlight: 5 });
  const idle = candidate('idle', { concurrency: 100, inFlight: 6 });
  assert.deepEqual(place({ strategy: capacity, candidates: [busy, idle] }, times(1)), ['idle']);
});

test('capacity counts the wait for a slot as it counts the wait for a rate', () => {
  const noSlot = candidate('slots', { concurrency: 2, inFlight: 2, predictedMs: 4_000 });
  const slow = candidate('slow', { rates: [perMinute('rpm', 60)] });
  // One more on two slots of four seconds waits 2 s; the rate is spoken for 1 s.
  assert.deepEqual(place({ strategy: capacity, candidates: [noSlot, slow] }, times(1)), ['slow']);
});

test('weighted meets the weights and spreads them out', () => {
  const candidates = [
    candidate('a', { weight: 5 }),
    candidate('b', { weight: 1 }),
    candidate('c', { weight: 1 }),
  ];
  const places = place({ strategy: weighted, candidates }, times(14));
  // nginx's own example.
  assert.equal(places.join(''), 'aabacaaaabacaa');
});

test('weighted counts jobs, not placements, when chunks differ in size', () => {
  const small = { rates: [perMinute('rpm', 60)] };
  // 6,000 rpm are ten jobs in 100 ms, 60 rpm are one.
  const candidates = [
    candidate('slow', { weight: 1, ...small }),
    candidate('fast', { weight: 1, rates: [perMinute('rpm', 6_000)] }),
  ];
  const places = place({ strategy: weighted, candidates }, times(400, asked({ jobs: 50 })));
  // A credit never leaves ± the largest chunk, so counts differ by two of ten at most.
  assert.ok(Math.abs(count(places, 'slow') - count(places, 'fast')) <= 20);
});

test('weighted makes up nothing in a burst for who was away', () => {
  const [a, b] = [candidate('a'), candidate('b')];
  let memory = NO_MEMORY;
  const step = (candidates: Candidate[]): string => {
    const now = pool(candidates, { strategy: weighted, memory });
    const choice = choose(asked(), now, { now: 0, random: seededRandom(1) });
    assert.ok(choice.kind === 'place');
    memory = choice.memory;
    return choice.deployment;
  };
  for (let i = 0; i < 100; i += 1) step([a, { ...b, state: 'broken' }]);
  const after = Array.from({ length: 10 }, () => step([a, b]));
  assert.equal(count(after, 'b'), 5);
});

test('round robin takes turns whatever the weights', () => {
  const candidates = [candidate('a', { weight: 9 }), candidate('b'), candidate('c')];
  const places = place({ strategy: roundRobin, candidates }, times(9));
  assert.equal(places.join(''), 'abcabcabc');
});
