import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { spentMs } from './paid-lines.ts';

/** The same turn by turn: as many lines as what is left pays for at their most, one at least. */
function turnByTurn(from: number, until: number, likely: number, most: number): number {
  let [left, turns] = [from, 0];
  while (left > until + 1e-9) {
    left -= likely * Math.max(1, left / most);
    turns += 1;
  }
  return turns;
}

const cents = (most: number) => fc.double({ min: 1, max: most, noNaN: true });

test('the time that a ceiling takes is that of its turns', () => {
  fc.assert(
    fc.property(
      cents(2_000),
      fc.double({ min: 0, max: 1, noNaN: true }),
      cents(20),
      cents(5),
      (from, part, likely, times) => {
        const until = from * part;
        const most = likely * times;
        const about = { fromUsd: from, untilUsd: until, likelyUsd: likely, mostUsd: most };
        const turns = spentMs({ ...about, turnMs: 1 });
        const exact = turnByTurn(from, until, likely, most);
        assert.ok(Math.abs(turns - exact) <= 2 + exact * 0.1, `${turns} of ${exact}`);
      },
    ),
  );
});

test('nothing to spend takes no time', () => {
  const about = { fromUsd: 1, untilUsd: 1, likelyUsd: 0.1, mostUsd: 0.2, turnMs: 1 };
  assert.equal(spentMs(about), 0);
  assert.equal(spentMs({ ...about, untilUsd: 0, likelyUsd: 0 }), 0);
});
