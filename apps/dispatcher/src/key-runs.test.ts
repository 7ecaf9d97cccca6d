import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { IndexRecord } from '@sluice/files';
import { nextRun } from './key-runs.ts';

const lines = (...keys: (number | null)[]) =>
  keys.map((key, i) => ({
    line: i + 1,
    offset: 0,
    length: 1,
    characters: 1,
    maxOutput: null,
    formats: 1,
    key,
  }));
const run = (ahead: IndexRecord[], from: number, before: number | null, most = 32) =>
  nextRun(ahead, { from, before, most });
const times = (count: number, key: number | null) => Array.from({ length: count }, () => key);

test('lines of one key travel together, as many as an entry holds', () => {
  const ahead = lines(...times(40, 7), ...times(9, 8));
  assert.deepEqual(run(ahead, 0, null), { lines: 32, key: 7 });
  assert.deepEqual(run(ahead, 32, 7), { lines: 8, key: 7 });
  assert.deepEqual(run(ahead, 40, 7), { lines: 9, key: 8 });
  assert.deepEqual(run(ahead, 0, null, 5), { lines: 5, key: 7 });
});

test('the rest of a run goes where the run went, few as they are', () => {
  const ahead = lines(...times(3, 7), ...times(9, 8));
  assert.deepEqual(run(ahead, 0, 7), { lines: 3, key: 7 });
  assert.deepEqual(run(ahead, 0, 8), { lines: 3, key: null });
});

test('keys of few lines, and lines without, travel together by none, up to the next long run', () => {
  const ahead = lines(1, 2, 2, null, null, 3, ...times(8, 4), 5);
  assert.deepEqual(run(ahead, 0, null), { lines: 6, key: null });
  assert.deepEqual(run(ahead, 6, null), { lines: 8, key: 4 });
  assert.deepEqual(run(ahead, 14, 4), { lines: 1, key: null });
  assert.deepEqual(run(lines(...times(50, null)), 0, null), { lines: 32, key: null });
});

test('whatever the keys, each run is of one key or of none, and no long run is cut into by lines of none', () => {
  const keys = fc.array(
    fc.tuple(fc.option(fc.integer({ min: 1, max: 3 })), fc.integer({ min: 1, max: 40 })),
    { minLength: 1, maxLength: 20 },
  );
  fc.assert(
    fc.property(keys, (groups) => {
      const ahead = lines(...groups.flatMap(([key, count]) => times(count, key)));
      let [from, before]: [number, number | null] = [0, null];
      while (from < ahead.length) {
        const { lines: count, key } = run(ahead, from, before);
        assert.ok(count >= 1 && count <= 32 && from + count <= ahead.length);
        const own = ahead.slice(from, from + count);
        if (key !== null) assert.ok(own.every((one) => one.key === key));
        else if (own.every((one) => one.key === own[0]?.key))
          assert.ok(own[0]?.key === null || own.length < 8);
        [from, before] = [from + count, key];
      }
      assert.equal(from, ahead.length);
    }),
  );
});
