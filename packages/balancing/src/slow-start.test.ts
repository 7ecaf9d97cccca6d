import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterLook, newBreaker } from './breaker.ts';
import type { Breaker, Look } from './breaker.ts';
import { SLOW_START, shareOfRate } from './slow-start.ts';

const look = (over: Partial<Look>): Look => ({
  ok: 0,
  failures: 0,
  failuresAtEnd: 0,
  lastInPool: false,
  ...over,
});
const random = () => 0.5;
const halfOpen: Breaker = { kind: 'half_open', since: 0, successes: 0, trips: 1 };
const recovered = afterLook(halfOpen, look({ ok: 3 }), { now: 1_000, random });

test('who never failed takes everything at once', () => {
  assert.equal(shareOfRate(newBreaker(0), 0), 1);
});

test('who recovered begins with a tenth and takes everything after a minute', () => {
  assert.equal(shareOfRate(recovered, 1_000), 0.1);
  assert.equal(shareOfRate(recovered, 31_000), 0.5);
  assert.equal(shareOfRate(recovered, 61_000), 1);
});

test('enough successes end it before', () => {
  const some = afterLook(recovered, look({ ok: SLOW_START.successes - 1 }), { now: 2_000, random });
  assert.ok(shareOfRate(some, 2_000) < 1);
  const enough = afterLook(some, look({ ok: 1 }), { now: 2_100, random });
  assert.equal(shareOfRate(enough, 2_100), 1);
});

test('the last of a pool is not held back: nobody else would do its work', () => {
  const alone = afterLook(halfOpen, look({ ok: 3, lastInPool: true }), { now: 1_000, random });
  assert.equal(shareOfRate(alone, 1_000), 1);
});
