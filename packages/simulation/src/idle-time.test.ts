import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdleTime } from './idle-time.ts';

interface Facts {
  usedUpUntil?: number | null;
  recovering?: boolean;
  gateUntil?: number;
}

const idle = ({ usedUpUntil = null, recovering = false, gateUntil = Infinity }: Facts = {}) =>
  new IdleTime({
    calls: { usedUp: () => ({ jobs: 1, until: gateUntil }) },
    health: { usedUpUntil: () => usedUpUntil, recovering: () => recovering },
  });

const NOTHING = { roomAt: Infinity, dueAt: Infinity, arrivesAt: Infinity };

test('the next look comes within a second, or when there is room', () => {
  assert.equal(idle().until(0, NOTHING), 1_000);
  assert.equal(idle().until(0, { ...NOTHING, roomAt: 300 }), 300);
});

test('room that was none puts the next look off further and further, until something is placed', () => {
  const sleep = idle();
  const seeming = { ...NOTHING, roomAt: 0 };
  assert.deepEqual(
    [1, 2, 3, 4].map(() => sleep.until(0, seeming)),
    [1, 2, 4, 8],
  );
  sleep.ends();
  assert.equal(sleep.until(0, seeming), 1);
});

test('where a day is used up a minute passes at once, unless something comes or falls due before or somebody recovers', () => {
  const used = { usedUpUntil: 3_600_000 };
  assert.equal(idle(used).until(0, NOTHING), 60_000);
  assert.equal(idle({ gateUntil: 30_000 }).until(0, NOTHING), 30_000);
  assert.equal(idle(used).until(0, { ...NOTHING, arrivesAt: 5_000 }), 5_000);
  assert.equal(idle(used).until(0, { ...NOTHING, dueAt: 4_000 }), 4_000);
  assert.equal(idle({ ...used, recovering: true }).until(0, NOTHING), 1_000);
});
