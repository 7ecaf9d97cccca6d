import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { contendedBy, depthNow, NO_CONTENTION } from './contention.ts';
import { DEFAULT_DEPTH, depthFor } from './room.ts';

const [batch, interactive] = [
  (at: number, contention = NO_CONTENTION) =>
    depthFor('batch', depthNow(DEFAULT_DEPTH, contention, at)).depthMs,
  (at: number, contention = NO_CONTENTION) =>
    depthFor('interactive', depthNow(DEFAULT_DEPTH, contention, at)).depthMs,
];

describe('depth beside single jobs', () => {
  test('without any is what is configured, and twice that for interactive jobs', () => {
    assert.deepEqual([batch(0), interactive(0)], [1_000, 2_000]);
  });

  test('is little where they wait for what batches placed, more where they overtake it', () => {
    assert.equal(batch(5_000, contendedBy(NO_CONTENTION, 'normal', 0)), 60);
    assert.equal(batch(5_000, contendedBy(NO_CONTENTION, 'interactive', 0)), 150);
    const both = contendedBy(contendedBy(NO_CONTENTION, 'low', 0), 'interactive', 1);
    assert.equal(batch(5_000, both), 60);
  });

  test('for interactive jobs goes beyond all that batches placed before the first of them came', () => {
    const one = contendedBy(NO_CONTENTION, 'interactive', 100);
    assert.ok(interactive(100, one) >= DEFAULT_DEPTH.depthMs + 500);
    assert.ok(interactive(600, one) >= DEFAULT_DEPTH.depthMs + 500 - 500);
    // No further than the burst reaches: those of one tenant would keep off another's.
    assert.equal(interactive(2_000, one), 650);
    const next = contendedBy(one, 'interactive', 5_000);
    assert.equal(interactive(5_000, next), 650);
  });

  test('is as configured again when none has come for a while', () => {
    const one = contendedBy(NO_CONTENTION, 'interactive', 0);
    assert.equal(batch(9_999, one), 150);
    assert.equal(batch(10_000, one), 1_000);
    const mixed = contendedBy(contendedBy(NO_CONTENTION, 'normal', 0), 'interactive', 8_000);
    assert.deepEqual([batch(9_999, mixed), batch(10_000, mixed)], [60, 150]);
  });

  test('is never more than configured', () => {
    const shallow = { ...DEFAULT_DEPTH, depthMs: 40 };
    assert.equal(depthNow(shallow, contendedBy(NO_CONTENTION, 'normal', 0), 1).depthMs, 40);
  });
});
