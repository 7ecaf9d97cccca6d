import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import { type Ended, type Speed, afterCall, newSpeed, ratioAt } from './speed.ts';

const ended = (more: Partial<Ended>): Ended => ({
  predictedMs: 2_000,
  tookMs: 2_000,
  failed: false,
  timeoutMs: 60_000,
  now: 0,
  ...more,
});

const after = (calls: Partial<Ended>[], from: Speed = newSpeed(0)): Speed =>
  calls.reduce<Speed>((speed, each) => afterCall(speed, ended(each)), from);

test('a slow call counts at once, a quick one by and by', () => {
  const slow = after([{ tookMs: 8_000, now: 1_000 }]);
  assert.equal(slow.ratio, 4);
  const recovering = after([{ tookMs: 2_000, now: 11_000 }], slow);
  assert.ok(Math.abs(recovering.ratio - (1 + 3 * Math.exp(-1))) < 1e-9, `${recovering.ratio}`);
});

test('a long answer is not a slow one', () => {
  assert.equal(after([{ predictedMs: 40_000, tookMs: 40_000 }]).ratio, 1);
});

test('errors count as the timeout, however quick they are', () => {
  const failing = after([{ tookMs: 5, failed: true, now: 10 }]);
  assert.equal(failing.ratio, 30);
  let speed = newSpeed(0);
  for (let now = 0; now < 60_000; now += 100)
    speed = after([{ tookMs: 5, failed: true, now }], speed);
  assert.ok(speed.ratio >= 30);
});

test('forgets without calls: tried again after half a minute', () => {
  const slow = after([{ tookMs: 20_000, now: 0 }]);
  assert.equal(ratioAt(slow, 0), 10);
  assert.ok(ratioAt(slow, 30_000) < 1.5);
  assert.ok(Math.abs(ratioAt(slow, 300_000) - 1) < 1e-9);
});

test('a call that ended before the last one moves no clock backwards', () => {
  const speed = after([{ now: 5_000 }, { tookMs: 1_000, now: 4_000 }]);
  assert.deepEqual(speed, { ratio: 1, at: 5_000 });
});

test('numbers that make no sense change nothing', () => {
  const speed = newSpeed(7);
  for (const wrong of [
    { predictedMs: 0 },
    { predictedMs: Number.NaN },
    { tookMs: -1 },
    { tookMs: Infinity },
  ])
    assert.equal(afterCall(speed, ended(wrong)), speed);
  assert.ok(after([{ tookMs: 1e12 }]).ratio <= 100);
});

test('tells a deployment that is three times slower within a few calls, and sees its recovery', (t) => {
  const random = seededRandom(1);
  let speed = newSpeed(0);
  const run = (slower: number, from: number, seconds: number): number => {
    for (let now = from; now < from + 1_000 * seconds; now += 250)
      speed = after([{ tookMs: 2_000 * slower * (0.8 + 0.4 * random()), now }], speed);
    return speed.ratio;
  };
  const ratios = [run(1, 0, 60), run(3, 60_000, 1), run(3, 61_000, 60), run(1, 121_000, 30)];
  t.diagnostic(
    `as usual, 1 s and 60 s slow, 30 s after: ${ratios.map((each) => each.toFixed(2)).join(', ')}`,
  );
  assert.ok((ratios[0] as number) < 1.25);
  assert.ok((ratios[1] as number) > 2.2);
  assert.ok((ratios[2] as number) < 3.7);
  assert.ok((ratios[3] as number) < 1.4);
});
