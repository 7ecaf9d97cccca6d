import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { contendedBy, depthNow, NO_CONTENTION } from './contention.ts';
import { NO_PICK_UP, pickUpAfter, pickUpMs } from './pick-up.ts';
import type { Look } from './pick-up.ts';
import { DEFAULT_DEPTH } from './room.ts';

const LOOK_MS = 100;
const looks = (each: Omit<Look, 'ms'>, times = 300, before = NO_PICK_UP) =>
  Array.from({ length: times }).reduce(
    (pickUp: typeof NO_PICK_UP) => pickUpAfter(pickUp, { ...each, ms: LOOK_MS }),
    before,
  );

/**
 * A deployment of 70 calls a second whose jobs are taken a while after they were placed, beside single jobs that keep
 * coming: the share of its rate that is used in the last of 20 s. Depth is room on the queue here, as with an idle limit.
 */
function used(takenAfterMs: number, learns: boolean): number {
  const perMs = 0.07;
  const queue: number[] = [];
  let pickUp = NO_PICK_UP;
  let [taken, atLook, freeAt, lately] = [0, 0, 0, 0];
  for (let now = 0; now < 20_000; now += 1) {
    while (queue[0] !== undefined && queue[0] + takenAfterMs <= now) {
      queue.shift();
      taken += 1;
      freeAt = Math.max(freeAt, now) + 1 / perMs;
      if (now >= 10_000) lately += 1;
    }
    const aheadMs = Math.max(0, freeAt - now);
    if (now % LOOK_MS === 0) {
      const look = { queued: queue.length, taken: taken - atLook, idle: aheadMs === 0 };
      pickUp = pickUpAfter(pickUp, { ...look, ms: LOOK_MS });
      atLook = taken;
    }
    const contention = contendedBy(NO_CONTENTION, 'normal', now);
    const { depthMs } = depthNow(DEFAULT_DEPTH, contention, now, learns ? pickUpMs(pickUp) : 0);
    while (aheadMs + queue.length / perMs < depthMs) queue.push(now);
  }
  return lately / (10_000 * perMs);
}

describe('how long placed work takes until it is taken', () => {
  test('is what lies on the queue over what is taken per time', () => {
    // 4 on the queue and 2 taken in 100 ms: each lay there for 200 ms.
    assert.equal(Math.round(pickUpMs(looks({ queued: 4, taken: 2, idle: true }))), 200);
    assert.equal(pickUpMs(NO_PICK_UP), 0);
  });

  test('is nothing where limits hold the work up, and is forgotten when nothing comes', () => {
    const slow = looks({ queued: 4, taken: 2, idle: true });
    assert.ok(pickUpMs(looks({ queued: 40, taken: 7, idle: false }, 1_000, slow)) < 2);
    assert.ok(pickUpMs(looks({ queued: 0, taken: 0, idle: true }, 1_000, slow)) < 1);
  });

  test('is added to the depth beside single jobs, so that a slow machine uses its limits too', () => {
    assert.ok(used(300, false) < 0.4, `${used(300, false)} of the rate without`);
    for (const takenAfterMs of [5, 100, 300, 600]) {
      const share = used(takenAfterMs, true);
      assert.ok(share > 0.95, `${share} of the rate where jobs are taken after ${takenAfterMs} ms`);
    }
  });

  test('makes nothing deeper than configured', () => {
    const contention = contendedBy(NO_CONTENTION, 'normal', 0);
    assert.equal(depthNow(DEFAULT_DEPTH, contention, 1, 60_000).depthMs, DEFAULT_DEPTH.depthMs);
    assert.equal(depthNow(DEFAULT_DEPTH, contention, 1, 40).depthMs, 100);
  });
});
