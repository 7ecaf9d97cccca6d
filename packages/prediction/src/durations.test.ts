import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { addDurations, callsIn, durationsOf, percentilesOf } from './durations.ts';

const PARTS = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;
const NAMES = Object.keys(PARTS) as (keyof typeof PARTS)[];

/** By nearest rank. */
const exact = (took: readonly number[], part: number): number =>
  took.toSorted((a, b) => a - b)[Math.ceil(part * took.length) - 1] as number;

/** Of all sizes alike, from 1 ms to an hour. */
const anyDuration = fc
  .double({ min: 0, max: Math.log(3_600_000), noNaN: true })
  .map((log) => Math.min(3_600_000, Math.exp(log)));
const someDurations = fc.array(anyDuration, { minLength: 1, maxLength: 300 });

test('every percentile is within 5 % of the exact one', () => {
  fc.assert(
    fc.property(someDurations, (took) => {
      const found = percentilesOf(durationsOf(took));
      for (const name of NAMES) {
        const wanted = exact(took, PARTS[name]);
        const off = Math.abs((found?.[name] as number) / wanted - 1);
        assert.ok(off <= 0.05, `${name} ${found?.[name]} for ${wanted}`);
      }
    }),
    { numRuns: 500 },
  );
});

test('every whole number of ms is within 5 %, at both ends of each bucket', () => {
  for (let ms = 1; ms <= 3_600_000; ms += Math.max(1, Math.floor(ms / 500))) {
    const { p50 } = percentilesOf(durationsOf([ms])) ?? { p50: NaN };
    assert.ok(Math.abs(p50 / ms - 1) <= 0.05, `${p50} for ${ms}`);
  }
});

test('counts added up are the counts of all together, whoever counted what', () => {
  fc.assert(
    fc.property(fc.array(someDurations, { minLength: 1, maxLength: 4 }), (processes) => {
      const sum = new Map<number, number>();
      for (const took of processes) addDurations(sum, durationsOf(took));
      const together = durationsOf(processes.flat());
      assert.deepEqual(percentilesOf(sum), percentilesOf(together));
      assert.equal(callsIn(sum), processes.flat().length);
    }),
  );
});

test('percentiles rise, and those of one call are one', () => {
  fc.assert(
    fc.property(someDurations, (took) => {
      const { p50, p95, p99 } = percentilesOf(durationsOf(took)) ?? { p50: 0, p95: 0, p99: 0 };
      assert.ok(p50 <= p95 && p95 <= p99);
    }),
  );
  const one = percentilesOf(durationsOf([730]));
  assert.ok(one !== null && one.p50 === one.p99);
});

test('nothing counted, nothing said; what is no duration counts as 1 ms, what is longer than an hour as that', () => {
  assert.equal(percentilesOf(new Map()), null);
  for (const wrong of [0, -5, Number.NaN])
    assert.deepEqual([...durationsOf([wrong])], [...durationsOf([1])]);
  for (const long of [1e9, Infinity])
    assert.deepEqual([...durationsOf([long])], [...durationsOf([3_600_000])]);
});

test('there are at most 177 buckets, however long calls are', () => {
  const all = new Set<number>();
  for (let ms = 0.5; ms < 1e9; ms *= 1.01) for (const [each] of durationsOf([ms])) all.add(each);
  assert.deepEqual(Math.max(...all), 176);
  assert.equal(all.size, 177, 'and the one up to 1 ms');
});
