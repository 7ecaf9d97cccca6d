import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { anyAsked, anyCandidates } from './example-candidates.ts';
import { eachMs, spokenForMs, spokenForWith } from './load.ts';

test('how far one would be spoken for is the same, to the last digit, where what the job takes of each limit is known', () => {
  fc.assert(
    fc.property(anyCandidates, anyAsked, (candidates, { cost }) => {
      for (const one of candidates)
        assert.equal(spokenForWith(one, eachMs(one, cost)), spokenForMs(one, cost));
    }),
    { numRuns: 1_000 },
  );
});
