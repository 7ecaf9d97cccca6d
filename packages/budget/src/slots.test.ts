import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LEARNING } from './learnt.ts';
import { firstSlots, freshSlots, grownSlots, loweredSlots } from './slots.ts';

const NOW = 1_700_000_000_000;

test('a slow start doubles with every round of answers that makes use of it', () => {
  let slots = firstSlots(NOW);
  for (let round = 0; round < 5; round += 1) {
    const { size } = slots;
    slots = grownSlots(slots, { answers: size, inFlight: size, now: NOW }) ?? slots;
  }
  assert.equal(slots.size, LEARNING.firstSlots * 32);
  const unused = grownSlots(slots, { answers: 1, inFlight: 3, now: NOW });
  assert.equal(unused?.size, slots.size);
});

test('what a 429 taught rises by a tenth of a call per round', () => {
  const slots = loweredSlots(20, Number.POSITIVE_INFINITY, NOW);
  assert.equal(slots.size, 18);
  const grown = grownSlots(slots, { answers: 18, inFlight: 18, now: NOW });
  assert.equal(grown?.size, 18 + LEARNING.slotsStep);
});

test('a slow start is forgotten when idle, a lesson after a day', () => {
  assert.equal(freshSlots(firstSlots(NOW), NOW + LEARNING.slotsKeptMs), null);
  const taught = loweredSlots(20, 20, NOW);
  assert.equal(freshSlots(taught, NOW + LEARNING.slotsKeptMs), taught);
  assert.equal(freshSlots(taught, NOW + LEARNING.keptMs), null);
});
