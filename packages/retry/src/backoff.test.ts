import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { backoffMs } from './backoff.ts';

const ALMOST_ONE = 1 - Number.EPSILON;
const SETTINGS = { baseMs: 500, capMs: 30_000 };
const windowOf = (attempt: number) => backoffMs(attempt, () => ALMOST_ONE, SETTINGS) + 1;

test('the window doubles from half a second to thirty seconds', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 8, 1_000_000].map(windowOf),
    [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000],
  );
});

test('full jitter: the wait may be nothing at all', () => {
  assert.equal(
    backoffMs(9, () => 0, SETTINGS),
    0,
  );
});

test('is a whole number within the window, whatever the numbers', () => {
  const settings = fc.record({
    baseMs: fc.integer({ min: 1, max: 60_000 }),
    capMs: fc.integer({ min: 1, max: 600_000 }),
  });
  fc.assert(
    fc.property(
      fc.nat(),
      fc.double({ min: 0, max: ALMOST_ONE, noNaN: true }),
      settings,
      (n, r, s) => {
        const wait = backoffMs(n, () => r, s);
        assert.ok(Number.isInteger(wait) && wait >= 0 && wait < s.capMs);
      },
    ),
  );
});
