import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asked, candidate } from './example-candidates.ts';
import type { Candidate } from './candidate.ts';
import { jobsAt, placeAll, strategy, times } from './example-stream.ts';

const first = (candidates: Candidate[], request = asked()): string | undefined =>
  placeAll({ strategy: strategy('latency'), candidates, piles: false }, [request])[0]?.deployment;

test('a deployment that gets the long answers is not slow for that', () => {
  // Its mean is five times the other's, but for this job it is the quicker one.
  const long = candidate('long', { predictedMs: 10_000, speed: 1 });
  const short = candidate('short', { predictedMs: 2_000, speed: 1 });
  const predictedMsFor = new Map([
    ['long', 1_500],
    ['short', 1_900],
  ]);
  assert.equal(first([short, long], asked({ predictedMsFor })), 'long');
});

test('one that has become slow against its predictions is left', () => {
  assert.equal(first([candidate('slow', { speed: 3 }), candidate('usual', { speed: 1 })]), 'usual');
});

test('errors never make it look fast', () => {
  const quickErrors = { predictedMs: 20, errorRate: 0.99 };
  const usual = candidate('usual', { predictedMs: 1_000 });
  assert.equal(first([candidate('failing', quickErrors), usual]), 'usual');
  // Speed counts failures as the timeout: 60 s where 1 s was predicted.
  assert.equal(first([candidate('failing', { speed: 60, errorRate: 0.99 }), usual]), 'usual');
});

test('shares out by calls in flight: twice as quick gets twice as many', () => {
  const quick = candidate('quick', { predictedMs: 1_000 });
  const slow = candidate('slow', { predictedMs: 2_000 });
  let candidates = [quick, slow];
  for (let i = 0; i < 30; i += 1) {
    const id = first(candidates);
    candidates = candidates.map((each) =>
      each.id === id ? { ...each, inFlight: each.inFlight + 1 } : each,
    );
  }
  assert.deepEqual(
    candidates.map(({ inFlight }) => inFlight),
    [20, 10],
  );
});

test('equal ones share evenly', () => {
  const candidates = ['a', 'b', 'c'].map((id) => candidate(id));
  const all = placeAll({ strategy: strategy('latency'), candidates, seed: 3 }, times(9_000));
  // p = 1/3: 4 × √(9,000 × 2/9) = 179.
  for (const { id } of candidates) assert.ok(Math.abs(jobsAt(all, id) - 3_000) <= 179);
});
