import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lanes } from './lanes.ts';

const origin = 'https://example.com';
const settings = { slots: 64, width: 4, fastMs: 1_000 };

/** Asks for `count` slots at `now`: how many were given, and when the others may come back. */
function ask(
  lanes: Lanes,
  count: number,
  { now, of = origin }: { now: number; of?: string },
): { entered: number; later: number[] } {
  const answers = Array.from({ length: count }, () => lanes.enter(of, now));
  const later = answers.filter((at) => at !== null);
  return { entered: answers.length - later.length, later };
}

/** A delivery that took so long, at time 0. */
function took(lanes: Lanes, tookMs: number, of = origin): void {
  assert.equal(lanes.enter(of, 0), null);
  lanes.leave(of, 0, tookMs);
}

test('an origin that is not known yet gets its lane and no more', () => {
  const lanes = new Lanes(settings);
  const { entered, later } = ask(lanes, 6, { now: 1_000 });
  assert.equal(entered, 4);
  assert.deepEqual(later, [1_250, 1_500], 'a second per delivery assumed, four at a time');
  assert.equal(lanes.enter('https://other.example', 1_000), null, 'others are not affected');
});

test('an origin known to be fast gets half of all slots, and leaves the rest to others', () => {
  const lanes = new Lanes(settings);
  took(lanes, 5);
  assert.equal(ask(lanes, 50, { now: 0 }).entered, 32);
  const other = 'https://other.example';
  assert.equal(ask(lanes, 50, { now: 0, of: other }).entered, 4);
});

test('a slow one is asked to come back at the pace of its lane, in the order of asking', () => {
  const lanes = new Lanes(settings);
  took(lanes, 8_000);
  const { entered, later } = ask(lanes, 7, { now: 10_000 });
  assert.equal(entered, 4);
  assert.deepEqual(later, [12_000, 14_000, 16_000]);
  assert.deepEqual(ask(lanes, 1, { now: 15_000 }).later, [18_000], 'promises made before are kept');
  assert.deepEqual(ask(lanes, 1, { now: 60_000 }).later, [62_000], 'and lapse');
});

test('one that becomes slow is limited, one that recovers is freed', () => {
  const lanes = new Lanes(settings);
  for (const tookMs of [20, 20, 15_000]) took(lanes, tookMs);
  assert.equal(ask(lanes, 8, { now: 0 }).entered, 4);
  for (let i = 0; i < 4; i++) lanes.leave(origin, 0, 15_000);
  for (let i = 0; i < 10; i++) took(lanes, 20);
  assert.equal(ask(lanes, 8, { now: 0 }).entered, 8);
});

test('a fast one is slow as soon as a delivery under way takes too long', () => {
  const lanes = new Lanes(settings);
  took(lanes, 5);
  assert.equal(ask(lanes, 10, { now: 0 }).entered, 10);
  assert.equal(ask(lanes, 1, { now: 999 }).entered, 1);
  assert.equal(ask(lanes, 1, { now: 1_000 }).entered, 0);
});

test('many that hang leave slots to those that answer, and to new ones', () => {
  const lanes = new Lanes({ ...settings, width: 16 });
  took(lanes, 5);
  for (let i = 0; i < 1_000; i++) lanes.enter(`https://hangs-${i % 100}.example`, 0);
  const first = ask(lanes, 10, { now: 10 }).entered;
  assert.ok(first >= 1);
  for (let i = 0; i < first; i++) lanes.leave(origin, 10, 20);
  for (let i = 0; i < 1_000; i++) lanes.enter(`https://hangs-${i % 100}.example`, 2_000);
  assert.ok(ask(lanes, 1, { now: 2_000 }).entered >= 1, 'not all of what it gave back is taken');
});
