import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deadlineVerdict, isUrgent, urgencyOf } from './deadline.ts';
import type { DeadlineFacts } from './deadline.ts';

const MIN = 60_000;
const HOUR = 60 * MIN;
const now = 1_700_000_000_000;
const facts = (more: Partial<DeadlineFacts> = {}): DeadlineFacts => ({
  now,
  deadlineAt: now + HOUR,
  demands: [{ name: 'fast', workMs: 20 * MIN }],
  plannedFinishAt: null,
  waiting: [],
  ...more,
});

test('alone at full rate it is done in time, and says by how much', () => {
  assert.deepEqual(deadlineVerdict(facts()), {
    meets: true,
    byMs: 40 * MIN,
    finishAt: now + 20 * MIN,
    sentence: 'Expected to be done 40 min before its deadline.',
  });
});

test('work due earlier or at the same time goes before it, work due later does not', () => {
  const before = { dueAt: now + 50 * MIN, workMs: 30 * MIN };
  const same = { dueAt: now + HOUR, workMs: 30 * MIN };
  const later = { dueAt: now + 2 * HOUR, workMs: 10 * HOUR };
  assert.equal(deadlineVerdict(facts({ waiting: [before, later] })).byMs, 10 * MIN);
  const verdict = deadlineVerdict(facts({ waiting: [before, same, later] }));
  assert.deepEqual([verdict.meets, verdict.byMs], [false, -20 * MIN]);
  assert.equal(
    verdict.sentence,
    'Cannot be done by its deadline in 60 min: expected 20 min late (20 min of work at full rate behind 60 min of work that is due earlier; most of it is for fast). What is not done by then expires.',
  );
});

test('a plan knows better than the bound', () => {
  const verdict = deadlineVerdict(facts({ plannedFinishAt: now + 52 * HOUR + 20 * MIN }));
  assert.equal(verdict.byMs, -(51 * HOUR + 20 * MIN));
  assert.match(verdict.sentence, /expected 2 d 3 h late \(20 min of work at full rate; most/);
});

test('the largest demand is named; a batch of nothing is done', () => {
  const demands = [
    { name: 'fast', workMs: HOUR },
    { name: 'smart', workMs: 3 * HOUR + 20 * MIN },
  ];
  const { sentence } = deadlineVerdict(facts({ demands }));
  assert.match(sentence, /4 h 20 min of work at full rate; most of it is for smart/);
  assert.equal(deadlineVerdict(facts({ demands: [] })).meets, true);
});

test('a deadline that is past is said to be', () => {
  assert.match(
    deadlineVerdict(facts({ deadlineAt: now - 1 })).sentence,
    /by its deadline, which is past: expected 20 min late/,
  );
});

test('urgency is the part of the time left that is needed', () => {
  assert.equal(urgencyOf({ remainingMs: HOUR, deadlineAt: now + 2 * HOUR }, now), 0.5);
  assert.equal(urgencyOf({ remainingMs: HOUR, deadlineAt: now }, now), Infinity);
  assert.equal(urgencyOf({ remainingMs: 0, deadlineAt: now - 1 }, now), 0);
});

test('urgent above 1, and until well below', () => {
  assert.deepEqual([isUrgent(1, false), isUrgent(1.01, false)], [false, true]);
  assert.deepEqual([isUrgent(0.95, true), isUrgent(0.9, true)], [true, false]);
});
