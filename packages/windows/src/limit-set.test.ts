import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  admit,
  changeLimits,
  countFailure,
  createLimitSet,
  leave,
  produceAtOnce,
  startProducing,
  stopProducing,
} from './limit-set.ts';
import type { Cost, LimitSet, SetLimits } from './limit-set.ts';
import type { WindowKind } from './rate-window.ts';
import { limitStats, limitViews } from './limit-views.ts';

function setOf(limits: SetLimits, window: WindowKind = 'bucket_60s'): LimitSet {
  return createLimitSet({ limits, window, initial_fill: 1 }, 0, 0);
}

function cost(tokens: number, reserved = 0): Cost {
  return { rpm: 1, tpm: tokens + reserved, itpm: tokens, otpm: reserved };
}

const remaining = (set: LimitSet, dimension: 'rpm' | 'tpm' | 'otpm', now: number): number =>
  limitViews([set], now).get(dimension)?.remaining ?? Number.NaN;

describe('a set of limits', () => {
  it('admits by all limits of all sets or charges none', () => {
    const own = setOf({ rpm: 10, tpm: 1_000 });
    const group = setOf({ rpm: 100, tpm: 150 });
    assert.equal(admit([own, group], cost(100), 0), null);
    const refusal = admit([own, group], cost(100), 0);
    assert.deepEqual(
      { limit: refusal?.limit, value: refusal?.value, used: refusal?.used },
      { limit: 'tpm', value: 150, used: 100 },
    );
    assert.equal(refusal?.waitMs, (50 * 60_000) / 150);
    assert.equal(remaining(own, 'tpm', 0), 900);
    assert.equal(remaining(own, 'rpm', 0), 9);
    assert.equal(own.inFlight, 1);
    assert.equal(group.inFlight, 1);
  });

  it('names the limit that will refuse longest', () => {
    const set = setOf({ rpm: 1, tpm: 100 });
    admit([set], cost(100), 0);
    assert.equal(admit([set], cost(1), 0)?.limit, 'rpm');
    assert.equal(admit([set], cost(90), 60_000 * 0.5)?.limit, 'rpm');
  });

  it('bounds calls in flight and frees places', () => {
    const set = setOf({ concurrency: 2 });
    assert.equal(admit([set], cost(1), 0), null);
    assert.equal(admit([set], cost(1), 0), null);
    const refusal = admit([set], cost(1), 0);
    assert.deepEqual(refusal, {
      limit: 'concurrency',
      value: 2,
      used: 2,
      requested: 1,
      waitMs: null,
    });
    leave([set]);
    assert.equal(admit([set], cost(1), 0), null);
  });

  it('charges output as it is produced, and in the end exactly what was produced', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            start: fc.nat(5_000),
            takes: fc.integer({ min: 1, max: 5_000 }),
            tokens: fc.nat(500),
          }),
          { minLength: 1, maxLength: 30 },
        ),
        (calls) => {
          const set = setOf({ otpm: 1e9, tpm: 1e9 }, 'sliding_60s');
          const events = calls.flatMap(({ start, takes, tokens }) => {
            const perMs = tokens / takes;
            const late = 1.5;
            return [
              { at: start, run: () => startProducing([set], perMs, start) },
              {
                at: start + takes + late,
                run: () => {
                  const correction = tokens - perMs * (takes + late);
                  stopProducing([set], { perMs, correction }, start + takes + late);
                },
              },
            ];
          });
          for (const event of events.toSorted((a, b) => a.at - b.at)) event.run();
          const produced = calls.reduce((sum, { tokens }) => sum + tokens, 0);
          const charged = limitStats(set, { busyMs: null, now: 1e5 }).otpm?.charged ?? Number.NaN;
          assert.ok(Math.abs(charged - produced) < 1e-6, `${charged} instead of ${produced}`);
          assert.equal(set.producing.perMs, 0);
        },
      ),
    );
  });

  it('leaves a full bucket full where less flows out than comes in', () => {
    const set = setOf({ tpm: 600 }, 'bucket_1s');
    startProducing([set], 0.005, 0);
    assert.equal(remaining(set, 'tpm', 2_000), 10);
    assert.equal(admit([set], cost(25), 2_000), null, 'dearer than the bucket, which is untouched');
  });

  for (const window of ['bucket_1s', 'bucket_10s', 'bucket_60s'] as const)
    it(`has as much left in a ${window} however often somebody looks`, () => {
      const calls = fc.array(
        fc.record({ pause: fc.nat(3_000), perMs: fc.double({ min: 0, max: 0.05, noNaN: true }) }),
        { minLength: 1, maxLength: 12 },
      );
      fc.assert(
        fc.property(calls, fc.integer({ min: 1, max: 500 }), (starts, everyMs) => {
          const [seldom, often] = [setOf({ tpm: 600 }, window), setOf({ tpm: 600 }, window)];
          let now = 0;
          for (const { pause, perMs } of starts) {
            for (let at = now; at < now + pause; at += everyMs) remaining(often, 'tpm', at);
            now += pause;
            for (const set of [seldom, often]) startProducing([set], perMs, now);
          }
          const [few, many] = [seldom, often].map((set) => remaining(set, 'tpm', now + 1_000));
          assert.ok(Math.abs((few ?? 0) - (many ?? 0)) < 1e-6, `${few} and ${many}`);
        }),
      );
    });

  it('refuses by otpm as soon as produced output has used it up, in mid-call', () => {
    const set = setOf({ otpm: 60 });
    assert.equal(admit([set], cost(5), 0), null);
    startProducing([set], 0.1, 0);
    assert.equal(admit([set], cost(5), 500), null, 'half produced');
    assert.equal(admit([set], cost(5), 700)?.limit, 'otpm', '70 produced of 60');
  });

  it('charges instant output in one piece', () => {
    const set = setOf({ otpm: 60, tpm: 600 });
    produceAtOnce([set], 50, 0);
    assert.equal(remaining(set, 'otpm', 0), 10);
    assert.equal(remaining(set, 'tpm', 0), 550);
  });

  it('lets failures take requests, never into debt', () => {
    const set = setOf({ rpm: 3 });
    for (let failure = 0; failure < 10; failure += 1) countFailure([set], 0);
    assert.equal(remaining(set, 'rpm', 0), 0);
    assert.equal(admit([set], cost(1), 0)?.limit, 'rpm');
    assert.equal(admit([set], cost(1), 20_000), null);
  });

  it('holds no more in any day than its limits per day, beside the rates', () => {
    const limits = { rpm: 600, rpd: 5, tpd: 1_000 };
    const settings = { limits, window: 'bucket_1s', initial_fill: 1, day_ms: 10_000 } as const;
    const set = createLimitSet(settings, 0, 0);
    for (let call = 0; call < 5; call += 1)
      assert.equal(admit([set], cost(10), call * 1_000), null);
    const refusal = admit([set], cost(10), 5_000);
    assert.deepEqual(refusal, { limit: 'rpd', value: 5, used: 5, requested: 1, waitMs: 5_000 });
    assert.equal(admit([set], cost(10), 9_999)?.limit, 'rpd');
    assert.equal(admit([set], cost(10), 10_000), null, 'the first of them is a day old');
    assert.equal(admit([set], cost(10), 10_500)?.waitMs, 500);
    produceAtOnce([set], 960, 11_000);
    assert.equal(admit([set], cost(10), 11_000)?.limit, 'tpd', 'output counts');
    assert.deepEqual(limitStats(set, { busyMs: 11_000, now: 11_000 }).rpd, {
      limit: 5,
      charged: 6,
      utilisation: 1.2,
    });
    assert.deepEqual([...limitViews([set], 11_000).keys()], ['rpm'], 'no header tells of a day');
    changeLimits(set, { ...settings, limits: { ...limits, rpd: 6, tpd: 5_000 } }, 11_000);
    assert.equal(admit([set], cost(10), 11_000), null, 'four of the last day, and this one');
    changeLimits(set, { ...settings, limits: { rpd: 3 }, day_ms: 1_000 }, 11_000);
    for (let failure = 0; failure < 5; failure += 1) countFailure([set], 11_000);
    assert.equal(admit([set], cost(10), 11_000)?.limit, 'rpd', 'failures count, never into debt');
    assert.equal(admit([set], cost(10), 12_000), null);
  });

  it('changes limits with calls in flight', () => {
    const set = setOf({ rpm: 100 });
    for (let call = 0; call < 40; call += 1) admit([set], cost(1), 0);
    changeLimits(set, { limits: { rpm: 100, tpm: 50 }, window: 'bucket_60s', initial_fill: 1 }, 0);
    assert.equal(remaining(set, 'rpm', 0), 60);
    assert.equal(remaining(set, 'tpm', 0), 50);
    assert.equal(set.inFlight, 40);
    changeLimits(set, { limits: {}, window: 'bucket_60s', initial_fill: 1 }, 0);
    assert.equal(limitViews([set], 0).size, 0);
  });

  it('shows the window with least left where several hold', () => {
    const views = limitViews([setOf({ rpm: 100 }), setOf({ rpm: 30 })], 0);
    assert.deepEqual(views.get('rpm'), { perMinute: 30, remaining: 30, resetMs: 0 });
  });

  it('relates what was charged to what the rate gives', () => {
    const set = setOf({ rpm: 60 });
    for (let call = 0; call < 30; call += 1) admit([set], cost(1), 0);
    assert.deepEqual(limitStats(set, { busyMs: 60_000, now: 0 }).rpm, {
      limit: 60,
      charged: 30,
      utilisation: 0.5,
    });
    assert.equal(limitStats(set, { busyMs: null, now: 0 }).rpm?.utilisation, null);
  });
});
