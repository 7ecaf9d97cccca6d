import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { spentMs, walked } from './money-walk.ts';
import type { WalkedPlace } from './money-walk.ts';
import { paidPlaces } from './price-steps.ts';

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
        const line = { usd: likely, mostUsd: most, turnMs: 1 };
        const turns = spentMs({ fromUsd: from, untilUsd: until, line });
        const exact = turnByTurn(from, until, likely, most);
        assert.ok(Math.abs(turns - exact) <= 2 + exact * 0.1, `${turns} of ${exact}`);
      },
    ),
  );
});

test('nothing to spend takes no time', () => {
  const line = { usd: 0.1, mostUsd: 0.2, turnMs: 1 };
  assert.equal(spentMs({ fromUsd: 1, untilUsd: 1, line }), 0);
  assert.equal(spentMs({ fromUsd: 1, untilUsd: 0, line: { ...line, usd: 0 } }), 0);
});

/** Parts of a turn, so that one that the money ends in counts for little. */
const PART = 0.01;

/** The same as the batch goes: in each part of a turn every place that what is left pays for takes what it can. */
function stepByStep(usd: number, places: readonly WalkedPlace[], most: number): number {
  let [left, lines] = [usd, 0];
  while (left > 1e-9 && lines < most) {
    const paid = paidPlaces(left, places);
    const turnUsd = PART * paid.reduce((sum, one) => sum + one.atOnce * one.usd, 0);
    const part = Math.min(1, left / turnUsd);
    lines += part * PART * paid.reduce((sum, { atOnce }) => sum + atOnce, 0);
    left -= turnUsd * part;
  }
  return Math.min(most, lines);
}

const some = (min: number, max: number) => fc.integer({ min: min * 100, max: max * 100 });
const somePlaces = fc
  .array(fc.tuple(some(0.1, 5), some(1, 10), fc.integer({ min: 1, max: 20 })), {
    minLength: 1,
    maxLength: 4,
  })
  .map((all) =>
    all.map(([usd, times, atOnce], i) => ({
      id: String(i),
      usd: usd / 100,
      mostUsd: (usd * times) / 10_000,
      atOnce,
      turnMs: 1,
    })),
  );

test('it pays for as many lines as a batch comes to that goes by its ceiling', () => {
  fc.assert(
    fc.property(some(0, 500), somePlaces, fc.integer({ min: 1, max: 400 }), (left, places, all) => {
      const usd = left / 100;
      const { lines } = walked(usd, [{ lines: all, places }]);
      const exact = stepByStep(usd, places, all);
      // At each price a part of a turn may be spent above it.
      const dear = places.reduce((sum, one) => sum + one.usd * one.atOnce, 0) * PART;
      const cheap = Math.min(...places.map((one) => one.usd));
      const most = (places.length * dear) / cheap;
      assert.ok(Math.abs(lines - exact) <= most + 1e-6, `${lines}, ${exact} step by step`);
    }),
  );
});

test('classes go side by side, lines under way first, and no line is paid for twice', () => {
  const classes = fc.array(
    fc.record({ lines: fc.integer({ min: 0, max: 50 }), places: somePlaces }),
    { maxLength: 3 },
  );
  fc.assert(
    fc.property(some(0, 500), classes, fc.nat(20), (left, several, out) => {
      const usd = left / 100;
      const all = several.reduce((sum, { lines }) => sum + lines, 0);
      const { lines, ms } = walked(usd, several, out);
      assert.ok(lines >= 0 && lines <= all + 1e-9 && ms >= 0);
      assert.ok(walked(usd + 1, several, out).lines >= lines - 1e-9, 'more pays for more');
      const without = walked(usd, several).lines;
      assert.ok(lines <= without + 1e-9 && lines >= Math.min(all, without) - out - 1e-9);
      const cheapest = Math.min(...several.flatMap(({ places }) => places.map((one) => one.usd)));
      assert.ok(all === 0 || lines * cheapest <= usd + 1e-6);
    }),
  );
});
