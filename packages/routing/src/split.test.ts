import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { armFor } from './split.ts';

const KEYS = Array.from({ length: 20_000 }, (_, i) => `user-${i}`);
const arms = (old: number, next: number, other = 0) => [
  { pool: 'old', percent: old },
  { pool: 'next', percent: next },
  { pool: 'other', percent: other },
];
const poolOf = (split: ReturnType<typeof arms>, key: string, name: string | null = null): string =>
  armFor({ name, arms: split }, key).pool;

test('keys are spread by percentage', () => {
  for (const split of [arms(90, 10), arms(50, 30, 20), arms(1, 99)]) {
    for (const { pool, percent } of split) {
      const part = KEYS.filter((key) => poolOf(split, key) === pool).length / KEYS.length;
      assert.ok(Math.abs(part - percent / 100) < 0.01, `${pool}: ${part} of ${percent} %`);
    }
  }
});

test('a key stays where it is, and moves only from old to next as next grows', () => {
  const steps = [0, 5, 10, 50, 90, 100];
  for (const key of KEYS.slice(0, 5_000)) {
    const pools = steps.map((next) => poolOf(arms(100 - next, next), key));
    assert.deepEqual(pools, [
      ...pools.filter((one) => one === 'old'),
      ...pools.filter((one) => one === 'next'),
    ]);
    assert.deepEqual([pools[0], pools.at(-1)], ['old', 'next']);
  }
});

test('splits of different names are independent', () => {
  const half = arms(50, 50);
  const same = KEYS.filter((key) => poolOf(half, key, 'one') === poolOf(half, key, 'two')).length;
  assert.ok(Math.abs(same / KEYS.length - 0.5) < 0.02);
});

test('no key ever goes to an arm of 0 %', () => {
  fc.assert(
    fc.property(fc.string(), (key) => assert.notEqual(poolOf(arms(60, 0, 40), key), 'next')),
  );
});
