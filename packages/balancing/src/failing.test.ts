import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failingMost } from './failing.ts';

const group = ['a', 'b', 'c', 'd', 'e'];
const rates = (of: Record<string, number>, calls = 1_000) =>
  new Map(
    Object.entries(of).map(([id, rate]) => [
      id,
      { ok: Math.round(calls * rate), failures: calls - Math.round(calls * rate) },
    ]),
  );
const fine = { a: 1, b: 0.99, c: 1, d: 0.99 };

test('among five peers the one that fails in one of ten stands out', () => {
  assert.deepEqual([...failingMost(rates({ ...fine, e: 0.88 }), [group])], ['e']);
});

test('nobody stands out by a few failures, nor where all fail alike', () => {
  assert.equal(failingMost(rates({ ...fine, e: 0.97 }), [group]).size, 0);
  const all = { a: 0.85, b: 0.9, c: 0.82, d: 0.88, e: 0.8 };
  assert.equal(failingMost(rates(all), [group]).size, 0);
});

test('with fewer peers, or too few calls, nothing is said', () => {
  assert.equal(failingMost(rates({ ...fine, e: 0.5 }), [['a', 'b', 'c', 'e']]).size, 0);
  assert.equal(failingMost(rates({ ...fine, e: 0.5 }, 99), [group]).size, 0);
});

test('one that serves several pools must stand out in each of them', () => {
  const kin = ['e', 'v', 'w', 'x', 'y'];
  const both = { ...fine, e: 0.88, v: 0.9, w: 0.86, x: 0.87, y: 0.9 };
  assert.equal(failingMost(rates(both), [group, kin]).size, 0);
});
