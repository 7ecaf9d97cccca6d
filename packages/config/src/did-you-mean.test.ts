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
