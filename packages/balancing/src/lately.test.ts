import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { capacity } from './capacity.ts';
import { candidate, perMinute } from './example-candidates.ts';
import { placeAll, times } from './example-stream.ts';
import { addLately, LATELY, sharesLately, sumLately } from './lately.ts';
import type { Lately } from './lately.ts';
import { weighted } from './weighted.ts';

/** Placed one by one, in the order given, so many ms apart. */
function shares(
  places: readonly string[],
  everyMs: number,
  takes: (id: string) => boolean = () => true,
) {
  const got = new Map<string, Lately>();
  let now = 0;
  for (const id of places) got.set(id, addLately(got.get(id), 1, (now += everyMs)));
  const ids = [...new Set(places)];
  return sharesLately(ids, (id) => sumLately(got.get(id), now), takes);
}

const near = (found: number | null | undefined, expected: number, within = 0.02): void =>
  assert.ok(
    typeof found === 'number' && Math.abs(found - expected) <= within,
    `${found}, not ${expected}`,
  );

test('shares are what a strategy gives, whatever the limits would let pass', () => {
  const candidates = [
    candidate('a', { weight: 9, rates: [perMinute('rpm', 600)] }),
    candidate('b', { weight: 1, rates: [perMinute('rpm', 600)] }),
  ];
  const [byWeight, byRoom] = [weighted, capacity].map((strategy) => {
    const places = placeAll({ strategy, candidates }, times(400)).map((one) => one.deployment);
    return shares(places, 50);
  });
  near(byWeight?.get('a'), 0.9);
  near(byRoom?.get('a'), 0.5);
});

test('what was given before is forgotten: after half a minute of other work it counts a third', () => {
  const minute = Array.from({ length: 600 }, () => 'before');
  const half = Array.from({ length: 300 }, () => 'now');
  near(shares([...minute, ...half], 100).get('now'), 1 - Math.exp(-1), 0.06);
  near(shares([...minute, ...half, ...half, ...half], 100).get('before'), 0, 0.06);
});

test('who takes nothing any more has nothing at once, and the others all of it', () => {
  const places = Array.from({ length: 300 }, (_, i) => ['a', 'b', 'c'][i % 3] as string);
  const left = shares(places, 10, (id) => id !== 'a');
  assert.equal(left.get('a'), 0);
  near(left.get('b'), 0.5);
  near(left.get('c'), 0.5);
});

test('when nothing was placed for a minute nobody knows any share; who takes nothing has 0 even then', () => {
  const one = addLately(undefined, 1_000_000, 0);
  const at = (now: number) =>
    sharesLately(
      ['a', 'b'],
      (id) => (id === 'a' ? sumLately(one, now) : 0),
      () => true,
    );
  assert.deepEqual([...at(LATELY.forgottenMs).values()], [1, 0]);
  assert.deepEqual([...at(LATELY.forgottenMs + 1).values()], [null, null]);
  assert.deepEqual(
    sharesLately(
      ['a'],
      () => 5,
      () => false,
    ),
    new Map([['a', 0]]),
  );
});

test('shares are 0 to 1 and add up to 1, whatever is placed when', () => {
  const placement = fc.record({
    id: fc.constantFrom('a', 'b', 'c'),
    jobs: fc.integer({ min: 1, max: 32 }),
    afterMs: fc.integer({ min: -50, max: 200_000 }),
  });
  fc.assert(
    fc.property(fc.array(placement, { minLength: 1 }), (placements) => {
      const got = new Map<string, Lately>();
      let now = 0;
      for (const { id, jobs, afterMs } of placements)
        got.set(id, addLately(got.get(id), jobs, (now += afterMs)));
      const all = sharesLately(
        ['a', 'b', 'c'],
        (id) => sumLately(got.get(id), now),
        () => true,
      );
      const values = [...all.values()].map((share) => share ?? 0);
      assert.ok(values.every((share) => share >= 0 && share <= 1));
      const sum = values.reduce((total, share) => total + share, 0);
      assert.ok(Math.abs(sum - 1) < 1e-9, `${sum}`);
    }),
  );
});
