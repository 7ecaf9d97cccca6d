import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AskedLately, LATELY_MS, isLast } from './asked-lately.ts';
import { reachesOf } from './kept-tiers.ts';
import type { Tiered } from './kept-tiers.ts';

const POOLS: Record<string, Tiered> = {
  fast: { strategy: { name: 'capacity' }, tiers: [['a', 'b'], ['c']] },
  'deployment/b': { strategy: { name: 'capacity' }, tiers: [['b']] },
  arms: {
    strategy: { name: 'split', arms: { x: 90, y: 10 }, strict: true },
    tiers: [['x', 'y@1', 'y@2'], ['z']],
  },
};
const ANYONE = { band: 'batch', whole: true, maxTier: null, eligible: null } as const;
const lately = () => new AskedLately((pool) => POOLS[pool] as Tiered);

const well =
  (...ids: string[]) =>
  (id: string) =>
    ids.includes(id);

describe('what jobs may use', () => {
  test('is the tiers up to max_tier, and in them who can say what the job asks', () => {
    const asked = lately();
    asked.note('fast', { ...ANYONE, maxTier: 1 }, 0);
    asked.note('fast', { ...ANYONE, eligible: new Set(['b', 'c']) }, 0);
    asked.note('fast', { ...ANYONE, maxTier: 1, eligible: new Set(['b', 'c']) }, 0);
    asked.note('deployment/b', { ...ANYONE, whole: false }, 0);
    assert.deepEqual(asked.reaches(1), [['a', 'b'], ['b', 'c'], ['b'], ['b']]);
  });

  test('is one arm where jobs are kept to arms, of those that can say it', () => {
    const asked = lately();
    asked.note('arms', { ...ANYONE, maxTier: 1 }, 0);
    asked.note('arms', { ...ANYONE, eligible: new Set(['y@2', 'z']) }, 0);
    assert.deepEqual(asked.reaches(1), [['x'], ['y@1', 'y@2'], ['y@2', 'z']]);
  });

  test('is not remembered of those that may use the whole pool, and of each kind once', () => {
    const asked = lately();
    asked.note('fast', ANYONE, 0);
    for (let i = 0; i < 100; i += 1) asked.note('fast', { ...ANYONE, maxTier: 1 }, i);
    assert.deepEqual(asked.reaches(100), [['a', 'b']]);
  });

  test('is forgotten ten seconds after it was last asked for', () => {
    const asked = lately();
    asked.note('fast', { ...ANYONE, maxTier: 1 }, 0);
    asked.note('fast', { ...ANYONE, maxTier: 1 }, 5_000);
    assert.equal(asked.reaches(4_999 + LATELY_MS).length, 1);
    assert.deepEqual(asked.reaches(5_000 + LATELY_MS), []);
  });
});

test('batch traffic of a pool is that of all of its deployments, for ten seconds', () => {
  const asked = lately();
  asked.note('fast', { ...ANYONE, band: 'interactive' }, 0);
  assert.equal(asked.hasBatch('c', 1), false, 'nobody waits patiently');
  asked.note('fast', ANYONE, 0);
  assert.deepEqual([asked.hasBatch('c', 1), asked.hasBatch('d', 1)], [true, false]);
  assert.equal(asked.hasBatch('c', LATELY_MS), false);
});

describe('the last one', () => {
  const whole = ['a', 'b', 'c'];

  test('has nobody else in some reach, whether or not it is well itself', () => {
    assert.equal(isLast('a', [whole], well('a', 'c')), false);
    assert.equal(isLast('a', [whole], well('a')), true);
    assert.equal(isLast('a', [whole], well()), true);
    assert.equal(isLast('a', [whole, ['a', 'b']], well('a', 'c')), true, 'tier 1 alone');
    assert.equal(isLast('c', [whole, ['a', 'b']], well('a', 'c')), false, 'not in that reach');
  });

  test('is the last of its arm, where others of the pool are none to its jobs', () => {
    const arms = { ...(POOLS['arms'] as Tiered), tiers: [['x', 'y@1', 'y@2']] };
    const reaches = reachesOf(arms);
    assert.equal(isLast('x', reaches, well('x', 'y@1', 'y@2')), true);
    assert.equal(isLast('y@1', reaches, well('x', 'y@1', 'y@2')), false);
    const tiered = reachesOf(POOLS['arms'] as Tiered);
    assert.equal(isLast('x', tiered, well('x', 'z')), false, 'its jobs have the next tier');
  });

  test('is nobody where nobody asks', () => {
    assert.equal(isLast('a', [], well()), false);
  });
});
