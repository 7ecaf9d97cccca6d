import assert from 'node:assert/strict';
import { test } from 'node:test';
import { paidAhead } from './paid-lines.ts';

const usd = (likely: number) => ({ low: likely / 2, likely, high: likely * 2 });
const CHEAP = { id: 'cheap', mostUsd: 0.1, atOnce: 20, usd: usd(0.05) };
const DEAR = { id: 'dear', mostUsd: 1, atOnce: 20, usd: usd(0.5) };

test('a ceiling that pays only for the cheap ones at full speed is spent there', () => {
  const { low, likely, high } = paidAhead(3, [{ lines: 600, places: [CHEAP, DEAR] }]);
  assert.deepEqual([low, likely, high].map(Math.round), [30, 60, 120]);
});

test('what is above that is spent at all of them', () => {
  // 3 USD are left once the dear one gets none: 2 USD for the cheap one, and 1 for the next line.
  const { likely } = paidAhead(14, [{ lines: 600, places: [CHEAP, DEAR] }]);
  assert.ok(Math.abs(likely - (11 / 0.275 + 3 / 0.05)) < 1e-6, `${likely}`);
});

test('it pays for no more lines than there are, and each class has its part', () => {
  const places = [CHEAP];
  assert.equal(paidAhead(14, [{ lines: 60, places }]).likely, 60);
  const two = paidAhead(5.5, [
    { lines: 100, places },
    { lines: 100, places: [DEAR] },
    { lines: 10, places: [] },
  ]);
  assert.ok(Math.abs(two.likely - 20) < 1e-6, `${two.likely}`);
  assert.equal(paidAhead(1, [{ lines: 7, places: [{ ...CHEAP, usd: usd(0) }] }]).likely, 7);
});
