import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import * as fc from 'fast-check';
import {
  certaintyOf,
  expectedMean,
  expectedOutput,
  outputRange,
  usualOutput,
} from './expected-output.ts';
import { type Lengths, NEW_LENGTHS, afterAnswer } from './lengths.ts';

const OTHERWISE = { mean: 1_024, p50: 1_024, p995: 1_024 };
const known = (tokens: number, answers: number, random = seededRandom(1)): Lengths => {
  let lengths = NEW_LENGTHS;
  for (let i = 0; i < answers; i += 1)
    lengths = afterAnswer(lengths, tokens * (0.9 + 0.2 * random()));
  return lengths;
};

test('nothing known: the default', () => {
  assert.deepEqual(expectedOutput([], OTHERWISE), OTHERWISE);
  assert.deepEqual(expectedOutput([null, undefined, NEW_LENGTHS], OTHERWISE), OTHERWISE);
});

test('a batch is expected like its tenant until it has shown otherwise', (t) => {
  const [pool, tenant] = [known(400, 3_000), known(200, 1_000)];
  const means = [0, 3, 10, 100, 1_000].map(
    (answers) => expectedOutput([pool, tenant, known(20, answers)], OTHERWISE).mean,
  );
  t.diagnostic(
    `mean after 0, 3, 10, 100, 1,000 answers of 20: ${means.map((each) => each.toFixed(0)).join(', ')}`,
  );
  assert.ok(Math.abs((means[0] as number) - 200) < 10);
  assert.ok(Math.abs((means[2] as number) - 110) < 10, 'half of the way after ten');
  assert.ok(Math.abs((means[4] as number) - 20) < 5);
});

test('a far quantile is believed later than the mean', () => {
  const { mean, p995 } = expectedOutput([known(4_000, 10_000), known(20, 100)], OTHERWISE);
  assert.ok(mean < 500, `${mean}`);
  assert.ok(p995 > 2_000, `${p995}`);
});

test('always between the least and the most that any level says', () => {
  const level = fc.option(
    fc
      .tuple(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 1, max: 50 }))
      .map(([tokens, n]) => known(tokens, n)),
  );
  fc.assert(
    fc.property(fc.array(level, { maxLength: 3 }), (levels) => {
      const { mean } = expectedOutput(levels, OTHERWISE);
      const said = [OTHERWISE.mean, ...levels.flatMap((each) => each?.mean ?? [])];
      assert.ok(mean >= Math.min(...said) - 1e-9 && mean <= Math.max(...said) + 1e-9);
    }),
  );
});

test('the mean alone is that of the whole, and its certainty grows with answers', () => {
  const levels = [known(400, 3_000), null, known(20, 10)];
  assert.equal(expectedMean(levels, 1_024), expectedOutput(levels, OTHERWISE).mean);
  assert.equal(certaintyOf([null, NEW_LENGTHS]), 0);
  assert.ok(Math.abs(certaintyOf([known(20, 10)]) - 0.5) < 0.01);
  assert.ok(certaintyOf(levels) > certaintyOf([known(400, 3_000)]));
});

test('before anything is known the maximum counts only where it is small', () => {
  assert.equal(usualOutput(16), 16);
  assert.equal(usualOutput(4_096), usualOutput(128_000));
  assert.ok(usualOutput(4_096) < 300);
});

test('a range narrows with what is known, holds what is likely and never exceeds the maximum', () => {
  assert.deepEqual(outputRange(200, 1_024, 0), { low: 10, likely: 200, high: 1_024 });
  assert.equal(Math.round(outputRange(200, 1_024, 1).high), 300);
  const tokens = fc.integer({ min: 0, max: 5_000 });
  fc.assert(
    fc.property(tokens, tokens, fc.double({ min: 0, max: 1, noNaN: true }), (expected, most, c) => {
      const { low, likely, high } = outputRange(expected, most, c);
      assert.ok(low <= likely && likely <= high + 1e-9 && high <= most + 1e-9);
      assert.ok(
        high - low <=
          outputRange(expected, most, c / 2).high - outputRange(expected, most, c / 2).low + 1e-6,
      );
    }),
  );
});
