import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { didYouMean, editDistance } from './did-you-mean.ts';

test('typical typing mistakes find their word', () => {
  const known = ['timeout_ms', 'weight', 'provider', 'tiers'];
  const typed = ['timout_ms', 'wieght', 'providers', 'Tiers', 'banana'];
  assert.deepEqual(
    typed.map((word) => didYouMean(word, known)),
    ['timeout_ms', 'weight', 'provider', 'tiers', null],
  );
});

test('the beginning of a name finds it, and a name with a tail; of several the nearest', () => {
  const known = ['aliases', 'spill_after_ms', 'on', 'strategy', 'spill'];
  const typed = ['alias', 'spill_after', 'ALIASES_LIST', 'o', 'strat'];
  assert.deepEqual(
    typed.map((word) => didYouMean(word, known)),
    ['aliases', 'spill_after_ms', 'aliases', null, 'strategy'],
  );
});

test('the distance is symmetric, zero only for equals, and at most the longer word', () => {
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      assert.equal(distance, editDistance(b, a));
      assert.equal(distance === 0, a === b);
      assert.ok(distance <= Math.max(a.length, b.length));
    }),
  );
});
