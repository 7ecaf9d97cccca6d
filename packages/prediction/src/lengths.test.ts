import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import * as fc from 'fast-check';
import { type Lengths, NEW_LENGTHS, afterAnswer, afterAnswers, quantileOf } from './lengths.ts';

const after = (answers: Iterable<number>, from: Lengths = NEW_LENGTHS): Lengths =>
  [...answers].reduce(afterAnswer, from);

const draws = (n: number, draw: () => number): number[] => Array.from({ length: n }, draw);

test('quantiles are right to within a bucket of 19 %', (t) => {
  for (const seed of [1, 2, 3]) {
    const random = seededRandom(seed);
    const answers = draws(5_000, () => Math.round(20 * (1 - random()) ** -0.6));
    const lengths = after(answers);
    const sorted = answers.slice(-1_000).toSorted((a, b) => a - b);
    const [p50, p995] = [quantileOf(lengths, 0.5), quantileOf(lengths, 0.995)];
    const [true50, true995] = [sorted[499] as number, 20 * 0.005 ** -0.6];
    t.diagnostic(
      `seed ${seed}: p50 ${p50} (${true50}), p99.5 ${p995} (${true995.toFixed(0)} in the long run)`,
    );
    assert.ok(p50 >= true50 * 0.85 && p50 <= true50 * 1.3);
    // Of about a thousand remembered, five lie above it: their number is off by √5, the value by a third.
    assert.ok(p995 > true995 * 0.6 && p995 < true995 * 1.8);
  }
});

test('the mean is exact for the first answers and follows a change within a hundred', () => {
  assert.equal(after([10, 20, 60]).mean > 29.9 && after([10, 20, 60]).mean < 30.1, true);
  const before = after(draws(2_000, () => 100));
  assert.ok(
    after(
      draws(100, () => 500),
      before,
    ).mean > 440,
  );
});

test('half of the answers are what a quantile of a half says', () => {
  const half = after([0, 0, 0, 1, 1, 7, 7, 7, 7]);
  assert.equal(quantileOf(half, 0.5), 1);
  assert.equal(quantileOf(half, 0.1), 0);
  assert.equal(quantileOf(half, 1), 7);
});

test('nothing known, nothing promised; nonsense changes nothing', () => {
  assert.equal(quantileOf(NEW_LENGTHS, 0.5), 0);
  for (const wrong of [-1, Number.NaN, Infinity, 1e9])
    assert.equal(afterAnswer(NEW_LENGTHS, wrong), NEW_LENGTHS);
});

test('quantiles rise, cover every answer, and stay small', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 1, maxLength: 80 }),
      (answers) => {
        const lengths = after(answers);
        const at = [0, 0.25, 0.5, 0.9, 0.995, 1].map((q) => quantileOf(lengths, q));
        assert.deepEqual(
          at,
          at.toSorted((a, b) => a - b),
        );
        const most = Math.max(...answers);
        assert.ok((at.at(-1) as number) >= most && (at.at(-1) as number) <= most * 1.19 + 1);
        assert.ok(lengths.buckets.length < 100);
        assert.deepEqual(JSON.parse(JSON.stringify(lengths)), lengths);
      },
    ),
  );
});

const close = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-9 * Math.max(1, a, b);

test('many answers at once teach what they would one by one', () => {
  const answers = fc.array(fc.integer({ min: -1, max: 20_000 }), { maxLength: 40 });
  fc.assert(
    fc.property(answers, answers, (before, now) => {
      const one = after(now, after(before));
      const many = afterAnswers(after(before), now);
      assert.ok(close(many.known, one.known) && close(many.mean, one.mean));
      assert.equal(many.buckets.length, one.buckets.length);
      assert.ok(many.buckets.every((each, i) => close(each, one.buckets[i] as number)));
    }),
  );
});
