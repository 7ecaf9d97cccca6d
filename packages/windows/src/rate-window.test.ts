import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { createRateWindow } from './create-rate-window.ts';
import { WINDOW_KINDS } from './rate-window.ts';
import type { RateWindow, WindowKind } from './rate-window.ts';

const EPOCH = 1_700_000_000_123;
const LENGTH_MS: Record<WindowKind, number> = {
  bucket_1s: 1_000,
  bucket_10s: 10_000,
  bucket_60s: 60_000,
  fixed_10s: 10_000,
  fixed_minute: 60_000,
  sliding_60s: 60_000,
};
const SLACK = 1e-3;

function windowOf(kind: WindowKind, perMinute: number, now = 0): RateWindow {
  return createRateWindow(kind, { perMinute, initialFill: 1, now, epochMs: EPOCH });
}

interface Admitted {
  at: number;
  cost: number;
}

/** Asks for each cost after each pause; returns what was admitted. */
function replay(window: RateWindow, asks: { pause: number; cost: number }[]): Admitted[] {
  let now = 0;
  return asks.flatMap(({ pause, cost }) => {
    now += pause;
    if (window.waitMs(cost, now) > 0) return [];
    window.take(cost, now);
    return [{ at: now, cost }];
  });
}

/** The most that was admitted in any stretch from one call to another, less what `allowed(ms)` grants for it. */
function worstExcess(calls: Admitted[], allowed: (ms: number) => number): number {
  let worst = -Infinity;
  calls.forEach((first, from) => {
    let sum = 0;
    for (const call of calls.slice(from)) {
      sum += call.cost;
      worst = Math.max(worst, sum - allowed(call.at - first.at));
    }
  });
  return worst;
}

const pauses = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 50, noNaN: true }), fc.nat(9_000));
const asks = (maxCost: number) =>
  fc.array(fc.record({ pause: pauses, cost: fc.integer({ min: 1, max: maxCost }) }), {
    maxLength: 120,
  });

describe('a rate window', () => {
  for (const kind of ['bucket_1s', 'bucket_10s', 'bucket_60s'] as const) {
    it(`${kind} admits at most its capacity, or the one dearer cost, plus the rate in any stretch`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 6_000 }), asks(40), (perMinute, list) => {
          const capacity = Math.max(1, (perMinute * LENGTH_MS[kind]) / 60_000);
          const calls = replay(windowOf(kind, perMinute), list);
          const most = Math.max(capacity, ...calls.map(({ cost }) => cost));
          const excess = worstExcess(calls, (ms) => most + (ms * perMinute) / 60_000);
          assert.ok(excess <= SLACK, `excess ${excess}`);
        }),
      );
    });
  }

  for (const kind of ['fixed_10s', 'fixed_minute'] as const) {
    it(`${kind} admits at most its allowance between two whole windows of the wall clock`, () => {
      fc.assert(
        fc.property(fc.integer({ min: 240, max: 6_000 }), asks(40), (perMinute, list) => {
          const length = LENGTH_MS[kind];
          const used = new Map<number, number>();
          for (const { at, cost } of replay(windowOf(kind, perMinute), list)) {
            const index = Math.floor((EPOCH + at) / length);
            used.set(index, (used.get(index) ?? 0) + cost);
          }
          const allowance = Math.floor((perMinute * length) / 60_000);
          for (const sum of used.values()) assert.ok(sum <= allowance, `${sum} > ${allowance}`);
        }),
      );
    });
  }

  it('sliding_60s admits at most the limit in any minute', () => {
    fc.assert(
      fc.property(fc.integer({ min: 40, max: 1_000 }), asks(40), (perMinute, list) => {
        const calls = replay(windowOf('sliding_60s', perMinute), list);
        const excess = worstExcess(calls, (ms) =>
          ms < 60_000 - SLACK ? perMinute : Number.POSITIVE_INFINITY,
        );
        assert.ok(excess <= SLACK, `excess ${excess}`);
      }),
    );
  });

  for (const kind of WINDOW_KINDS) {
    for (const perMinute of [60, 90, 300, 900, 12_345 * 6, 600_000]) {
      it(`${kind} refuses nothing at exactly ${perMinute} a minute`, () => {
        const window = windowOf(kind, perMinute, 7.25);
        const count = Math.min(20_000, perMinute * 3);
        for (let call = 0; call < count; call += 1) {
          const now = 7.25 + (call * 60_000) / perMinute;
          assert.equal(window.waitMs(1, now), 0, `call ${call}`);
          window.take(1, now);
        }
      });
    }

    it(`${kind} says exactly how long to wait`, () => {
      fc.assert(
        fc.property(
          fc.integer({ min: 30, max: 3_000 }),
          asks(30),
          fc.integer({ min: 1, max: 60 }),
          (perMinute, list, need) => {
            const window = windowOf(kind, perMinute);
            replay(window, list);
            const now = list.reduce((sum, { pause }) => sum + pause, 0);
            const waitMs = window.waitMs(need, now);
            if (waitMs > 1) assert.ok(window.waitMs(need, now + waitMs - 1) > 0, 'too long');
            assert.equal(window.waitMs(need, now + waitMs + SLACK), 0, 'too short');
          },
        ),
      );
    });

    it(`${kind} keeps its long-run rate for a cost dearer than itself`, () => {
      const perMinute = 600;
      const cost = 1_800;
      const window = windowOf(kind, perMinute);
      let now = 0;
      const calls = 40;
      for (let call = 0; call < calls; call += 1) {
        now += window.waitMs(cost, now) + SLACK;
        assert.equal(window.waitMs(cost, now), 0);
        window.take(cost, now);
      }
      const rate = ((calls - 1) * cost * 60_000) / now;
      assert.ok(rate <= perMinute * 1.03, `${rate} a minute`);
      assert.ok(rate >= perMinute * 0.85, `${rate} a minute`);
    });

    it(`${kind} is untouched again after resetMs`, () => {
      const window = windowOf(kind, 600);
      const full = window.remaining(0);
      assert.equal(window.resetMs(0), 0);
      window.take(5, 0);
      const resetMs = window.resetMs(0);
      assert.ok(resetMs > 0);
      assert.ok(Math.abs(window.remaining(resetMs + SLACK) - full) < 1e-6);
    });

    it(`${kind} takes a new limit at once and gives nothing back by it`, () => {
      const window = windowOf(kind, 6_000);
      window.take(50, 0);
      const before = window.remaining(0);
      window.setLimit(60, 0);
      assert.equal(window.perMinute, 60);
      assert.ok(window.remaining(0) <= 60);
      window.setLimit(6_000, 0);
      assert.ok(window.remaining(0) <= before);
    });
  }

  it('may start empty', () => {
    const start = { perMinute: 600, initialFill: 0, now: 0, epochMs: 0 };
    for (const kind of WINDOW_KINDS) {
      const window = createRateWindow(kind, start);
      assert.equal(window.remaining(0), 0, kind);
      assert.ok(window.waitMs(1, 0) > 0, kind);
    }
  });

  it('forgets what left a sliding window, however long it runs', () => {
    const window = windowOf('sliding_60s', 6_000);
    for (let call = 0; call < 30_000; call += 1) window.take(1, call * 10);
    assert.equal(window.remaining(30_000 * 10), 1);
    assert.equal(window.remaining(30_000 * 10 + 60_000), 6_000);
  });
});
