import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { keyHashOf } from './affinity.ts';
import type { Asked, Candidate } from './candidate.ts';
import { asked, candidate, perMinute } from './example-candidates.ts';
import { jobsAt, placeAll, strategy, times } from './example-stream.ts';

const of = (user: number | string): Asked => asked({ affinityKey: `user:${user}` });
const users = Array.from({ length: 10_000 }, (_, i) => of(i));
const at = (rpm: number) => ({ rates: [perMinute('rpm', rpm)] });
const four = ['a', 'b', 'c', 'd'].map((id) => candidate(id, at(6_000)));

const homes = (candidates: Candidate[], requests = users): string[] =>
  placeAll({ strategy: strategy('hash'), candidates, piles: false }, requests).map(
    ({ deployment }) => deployment,
  );

test('keys spread evenly, or by weight', () => {
  for (const weights of [
    [1, 1, 1, 1],
    [4, 3, 2, 1],
  ]) {
    const candidates = four.map((each, i) => ({ ...each, weight: weights[i] as number }));
    const all = homes(candidates);
    const sum = weights.reduce((total, each) => total + each, 0);
    for (const { id, weight } of candidates) {
      const got = all.filter((each) => each === id).length;
      // Four standard deviations are at most 200.
      assert.ok(Math.abs(got - (10_000 * weight) / sum) <= 200, `${id}: ${got}`);
    }
  }
});

test('a key stays where it is; who leaves takes only his own keys along, and gives them to all others', () => {
  const before = homes(four);
  assert.deepEqual(homes(four), before);
  const after = homes(four.slice(0, 3));
  const moved = before.filter((home, i) => home !== after[i]);
  assert.ok(moved.every((home) => home === 'd'));
  const taken = after.filter((_, i) => before[i] === 'd');
  for (const id of ['a', 'b', 'c']) {
    const part = taken.filter((each) => each === id).length / taken.length;
    assert.ok(Math.abs(part - 1 / 3) < 0.05, `${id}: ${part}`);
  }
});

test('the prompt’s beginning is the key where there is no other', () => {
  const same = asked({ prefixKey: 'p' });
  assert.equal(new Set(homes(four, times(50, same))).size, 1);
  const withUsers = users.slice(0, 50).map((each) => ({ ...each, prefixKey: 'p' }));
  assert.deepEqual(
    homes(four, withUsers),
    homes(four, users.slice(0, 50)),
    'the user goes before it',
  );
});

test('a key of which only the hash was kept has the same home', () => {
  const hashed = users.slice(0, 50).map((each) => asked({ keyHash: keyHashOf(each) }));
  assert.deepEqual(homes(four, hashed), homes(four, users.slice(0, 50)));
  const prefixed = asked({ keyHash: keyHashOf({ affinityKey: null, prefixKey: 'p' }) });
  assert.deepEqual(homes(four, [prefixed]), homes(four, [asked({ prefixKey: 'p' })]));
  assert.equal(keyHashOf({ affinityKey: null, prefixKey: null }), null);
});

test('without a key capacity decides', () => {
  const candidates = [candidate('a', at(900)), candidate('b', at(300))];
  const all = placeAll({ strategy: strategy('hash'), candidates }, times(1_200));
  assert.ok(Math.abs(jobsAt(all, 'a') - 900) <= 1);
});

test('a busy key stays at home while that is hardly used, and moves on when it would be overrun', () => {
  // 10 ms a job: 25 of them are a quarter of a second, above which the bound counts.
  const all = placeAll({ strategy: strategy('hash'), candidates: four }, times(2_000, of('busy')));
  const [home] = all.map(({ deployment }) => deployment);
  assert.ok(all.slice(0, 25).every(({ deployment }) => deployment === home));
  // No limit is spoken for further than a quarter above the mean and a quarter of a second.
  const aheadMs = four.map(({ id }) => 10 * jobsAt(all, id));
  const mean = aheadMs.reduce((sum, each) => sum + each, 0) / 4;
  assert.ok(Math.max(...aheadMs) <= 1.25 * mean + 260, aheadMs.join(', '));
});

test('the bound holds for any keys, in budget, not in jobs', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 15 }), { maxLength: 400 }), (keys) => {
      const candidates = [candidate('large', at(6_000)), candidate('small', at(600))];
      const all = placeAll({ strategy: strategy('hash'), candidates }, keys.map(of));
      const aheadMs = [10 * jobsAt(all, 'large'), 100 * jobsAt(all, 'small')];
      const mean = ((aheadMs[0] as number) + (aheadMs[1] as number)) / 2;
      // One job of the small one reaches beyond.
      assert.ok(Math.max(...aheadMs) <= 1.25 * (mean + 50) + 250, aheadMs.join(', '));
    }),
    { numRuns: 200 },
  );
});
