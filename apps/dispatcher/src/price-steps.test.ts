/** Whom a ceiling leaves out while little is left of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cheapestPlaces, moneyAt, paidPlaces } from './price-steps.ts';

test('cheap deployments have what they need first; what is left pays for dear ones', () => {
  const places = [
    { id: 'dear', mostUsd: 0.2, atOnce: 10 },
    { id: 'cheap', mostUsd: 0.01, atOnce: 30 },
  ];
  assert.equal(moneyAt(1, places).get('cheap'), 1);
  assert.ok(Math.abs((moneyAt(1, places).get('dear') ?? 0) - 0.7) < 1e-9);
  const paid = (usd: number): string[] => paidPlaces(usd, places).map(({ id }) => id);
  assert.deepEqual([paid(1), paid(0.45), paid(0.001)], [['dear', 'cheap'], ['cheap'], ['cheap']]);
});

/** Four of one price, as many characters per token as each has learnt, and one that is dear. */
const ALIKE = [
  { id: 'a', mostUsd: 0.001 / 2.56, atOnce: 15 },
  { id: 'b', mostUsd: 0.001 / 2.59, atOnce: 15 },
  { id: 'c', mostUsd: 0.001 / 2.53, atOnce: 15 },
  { id: 'd', mostUsd: 0.001 / 2.5, atOnce: 15 },
  { id: 'dear', mostUsd: 0.008, atOnce: 15 },
];

test('deployments of one price have what is left together, however little it is', () => {
  for (const usd of [0, 0.0003, 0.001, 0.006, 0.013, 0.02]) {
    const paid = paidPlaces(usd, ALIKE).map(({ id }) => id);
    assert.deepEqual(paid, ['a', 'b', 'c', 'd'], `${usd} USD`);
    const money = moneyAt(usd, ALIKE);
    for (const id of paid) assert.equal(money.get(id), usd);
  }
  assert.deepEqual([...cheapestPlaces(ALIKE)], ['a', 'b', 'c', 'd']);
});

test('beside them a dear one waits until all of them go as fast as they can, each as dear as the dearest of them', () => {
  const need = (60 * 0.001) / 2.5 + 0.008;
  assert.equal(paidPlaces(need - 1e-9, ALIKE).length, 4);
  assert.equal(paidPlaces(need + 1e-9, ALIKE).length, 5);
});

test('those that are equally dear share what may be under way beside the cheaper ones', () => {
  const places = [
    { id: 'cheap', mostUsd: 0.01, atOnce: 30 },
    { id: 'dear', mostUsd: 0.2, atOnce: 10 },
    { id: 'alike', mostUsd: 0.21, atOnce: 10 },
  ];
  const money = moneyAt(1, places, new Map(Object.entries({ cheap: 0.1, dear: 0.4 })));
  for (const [id, usd] of Object.entries({ cheap: 0.9, dear: 0.3, alike: 0.3 }))
    assert.ok(Math.abs((money.get(id) ?? 0) - usd) < 1e-9, id);
});

const somePlaces = fc
  .array(
    fc.record({
      mostUsd: fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 1, noNaN: true })),
      atOnce: fc.integer({ min: 1, max: 50 }),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((all) => all.map((one, i) => ({ ...one, id: String(i) })));

test('what is left out is more than a tenth dearer than some that is not, and more money leaves out no other', () => {
  const money = fc.double({ min: 0, max: 20, noNaN: true });
  fc.assert(
    fc.property(somePlaces, money, money, (places, some, more) => {
      const paid = paidPlaces(some, places);
      const cheapest = Math.min(...places.map(({ mostUsd }) => mostUsd));
      assert.ok(paid.some(({ mostUsd }) => mostUsd === cheapest));
      for (const { mostUsd } of places.filter((one) => !paid.includes(one)))
        assert.ok(mostUsd > 1.1 * cheapest);
      const richer = paidPlaces(some + more, places);
      assert.ok(paid.every((one) => richer.includes(one)));
    }),
  );
});
