import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lanes } from './lanes.ts';

const origin = 'https://example.com';

/** Asks for `count` slots at `now`: how many were given, and when the others may come back. */
function ask(lanes: Lanes, count: number, now: number): { entered: number; later: number[] } {
  const answers = Array.from({ length: count }, () => lanes.enter(origin, now));
  const later = answers.filter((at) => at !== null);
  return { entered: answers.length - later.length, later };
}

test('an origin that is not known yet gets its lane and no more', () => {
  const lanes = new Lanes({ width: 4, fastMs: 100 });
  const { entered, later } = ask(lanes, 6, 1_000);
  assert.equal(entered, 4);
  assert.deepEqual(later, [1_250, 1_500], 'a second per delivery assumed, four at a time');
  assert.equal(lanes.enter('https://other.example', 1_000), null, 'others are not affected');
});

test('an origin known to be fast is not limited', () => {
  const lanes = new Lanes({ width: 4, fastMs: 100 });
  lanes.enter(origin, 0);
  lanes.leave(origin, 5);
  assert.equal(ask(lanes, 50, 0).entered, 50);
});

test('a slow one is asked to come back at the pace of its lane, in the order of asking', () => {
  const lanes = new Lanes({ width: 4, fastMs: 100 });
  lanes.enter(origin, 0);
  lanes.leave(origin, 8_000);
  const { entered, later } = ask(lanes, 7, 10_000);
  assert.equal(entered, 4);
  assert.deepEqual(later, [12_000, 14_000, 16_000]);
  assert.deepEqual(ask(lanes, 1, 15_000).later, [18_000], 'promises made before are kept');
  assert.deepEqual(ask(lanes, 1, 60_000).later, [62_000], 'and lapse');
});

test('one that becomes slow is limited, one that recovers is freed', () => {
  const lanes = new Lanes({ width: 4, fastMs: 1_000 });
  const took = (...all: number[]): void => {
    for (const tookMs of all) {
      lanes.enter(origin, 0);
      lanes.leave(origin, tookMs);
    }
  };
  took(20, 20, 15_000);
  assert.equal(ask(lanes, 8, 0).entered, 4);
  for (let i = 0; i < 4; i++) lanes.leave(origin, 15_000);
  took(...Array.from({ length: 10 }, () => 20));
  assert.equal(ask(lanes, 8, 0).entered, 8);
});
