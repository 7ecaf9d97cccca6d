import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Spills } from './spills.ts';
import type { Lane } from './spills.ts';

const pools = new Map([
  ['spills', { tiers: [['a'], ['b', 'c'], ['d']], spillAfterMs: 2_000 }],
  ['waits', { tiers: [['a'], ['b']], spillAfterMs: null }],
]);
const lane = (over: Partial<Lane> = {}): Lane => ({
  whose: 'low t',
  pool: 'spills',
  formats: 1,
  ...over,
});
const full = () => false;

test('a lane is due after its pool’s time, others by their own', () => {
  const spills = new Spills(pools);
  spills.count(lane(), 9, 0);
  spills.count(lane({ pool: 'waits' }), 9, 0);
  spills.count(lane({ whose: 'low u' }), 1, 1_000);
  assert.deepEqual([spills.isDue(lane(), 1_999), spills.isDue(lane(), 2_000)], [false, true]);
  assert.equal(spills.isDue(lane({ whose: 'low u' }), 2_000), false);
  assert.equal(spills.isDue(lane({ formats: 2 }), 1e9), false, 'nothing waits there');
  assert.equal(spills.isDue(lane({ pool: 'waits' }), 1e9), false);
  const reloaded = new Map(pools);
  const following = new Spills(reloaded);
  following.count(lane({ pool: 'waits' }), 9, 0);
  following.took(lane({ pool: 'waits' }), 500);
  reloaded.set('waits', { tiers: [['a'], ['b']], spillAfterMs: 1_000 });
  const due = (now: number) => following.isDue(lane({ pool: 'waits' }), now);
  assert.deepEqual(
    [due(1_499), due(1_500)],
    [false, true],
    'from the reload on as if it always had',
  );
  spills.took(lane(), 2_500);
  assert.deepEqual([spills.isDue(lane(), 4_499), spills.isDue(lane(), 4_500)], [false, true]);
});

test('the first tier is the first in which somebody takes calls', () => {
  const spills = new Spills(pools);
  const tiers = spills.tiersOf('spills', (id) => id === 'c' || id === 'd');
  assert.deepEqual(tiers, { first: ['b', 'c'], later: new Set(['d']) });
  assert.equal(
    spills.tiersOf('spills', () => false),
    null,
  );
  assert.equal(
    spills.tiersOf('waits', () => true),
    null,
  );
});

test('a later tier is for lines that are due, and while the first has no room', () => {
  const spills = new Spills(pools);
  spills.count(lane(), 1, 0);
  const tiers = spills.tiersOf('spills', () => true);
  assert.ok(tiers);
  const to = (deployment: string, hasRoom = full) => ({ deployment, tiers, hasRoom });
  assert.equal(spills.mayGo(lane(), to('a'), 0), true);
  assert.equal(spills.mayGo(lane(), to('d'), 1_999), false);
  assert.equal(spills.mayGo(lane(), to('d'), 2_000), true);
  assert.equal(
    spills.mayGo(
      lane(),
      to('d', () => true),
      2_000,
    ),
    false,
  );
});
