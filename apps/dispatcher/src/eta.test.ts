import assert from 'node:assert/strict';
import { test } from 'node:test';
import { etaAt, inTurns } from './eta.ts';
import type { DrainingAlone, EtaFacts } from './eta.ts';
import { PLACED } from './class-names.ts';

const pair = (id: string, held: boolean) => ({
  class: id,
  deployment: 'd',
  jobs: 1,
  latencyMs: 0,
  held,
  steps: [],
});

const facts = (more: Partial<EtaFacts> = {}): EtaFacts => ({
  plan: {
    finishMs: { a: 10_000, b: 20_000 },
    pairs: [pair('a', false), pair('b', false)],
    rows: [],
  },
  madeAt: 1_000,
  now: 2_000,
  classes: ['a'],
  expiresAt: 1_000 + 86_400_000,
  inTurnsMs: null,
  keptMs: 0,
  ...more,
});

test('when the last of its classes is done by the plan, and a little later', () => {
  assert.equal(etaAt(facts()), 1_000 + 10_500);
  assert.equal(etaAt(facts({ classes: ['a', 'b'] })), 1_000 + 21_000);
});

test('not before what stands on the queues', () => {
  const plan = { finishMs: { a: 10_000, [`${PLACED}d`]: 30_000 }, pairs: [], rows: [] };
  assert.equal(etaAt(facts({ plan })), 1_000 + 31_500);
  assert.equal(etaAt(facts({ plan, inTurnsMs: 4_000 })), 2_000 + 4_200 + 2_000, 'a second deep');
});

test('by its turns among others, and at the latest when all is done by the plan', () => {
  assert.equal(etaAt(facts({ inTurnsMs: 4_000 })), 2_000 + 4_200);
  assert.equal(etaAt(facts({ inTurnsMs: 12_000 })), 2_000 + 12_600, 'the plan has it at 11,500');
  assert.equal(etaAt(facts({ inTurnsMs: 400_000 })), 1_000 + 21_000);
});

test('not before its slowest arm, which the plan knows nothing of', () => {
  assert.equal(etaAt(facts({ keptMs: 40_000 })), 2_000 + 42_000);
  assert.equal(etaAt(facts({ keptMs: 40_000, inTurnsMs: 4_000 })), 2_000 + 42_000);
  assert.equal(etaAt(facts({ keptMs: 1_000 })), 1_000 + 10_500);
  assert.equal(etaAt(facts({ now: 60_000 })), 1_000 + 10_500, 'nothing else is put off');
});

test('what saves money takes the time that the plan gives it', () => {
  const plan = { finishMs: { a: 10_000 }, pairs: [pair('a', false), pair('a', true)], rows: [] };
  assert.equal(etaAt(facts({ plan })), 1_000 + 10_000);
});

test('what has a dear one to spare is not called late for what that would make up for', () => {
  const spare = { ...pair('a', true), jobs: 0 };
  const plan = { finishMs: { a: 98_000 }, pairs: [pair('a', false), spare], rows: [] };
  const due = (ms: number) => etaAt(facts({ plan, expiresAt: 1_000 + ms })) - 1_000;
  assert.equal(due(100_000), 98_000, 'two seconds are for recording');
  assert.equal(due(102_000), 100_000);
  assert.equal(due(200_000), 102_900, 'as usual where there is time');
  assert.equal(due(60_000), 98_000);
});

/** A limit that takes the time. */
const row = (dimension: 'rpd' | 'rpm', usedBy: Record<string, number>) => ({
  budget: 'x',
  dimension,
  used: 1,
  price: 1,
  savesMs: 1,
  savesUsd: 0,
  binding: true,
  usedBy,
});

test('a day that is used up puts off who goes there, and nobody else', () => {
  const HOUR = 3_600_000;
  const plan = {
    finishMs: { a: 30 * HOUR, b: 2 * HOUR },
    pairs: [{ ...pair('a', false), deployment: 'x' }, pair('b', false)],
    rows: [row('rpd', { x: 1 }), row('rpm', { d: 1 })],
  };
  assert.equal(etaAt(facts({ plan, classes: ['a'] })), 1_000 + 48 * HOUR);
  assert.equal(etaAt(facts({ plan, classes: ['b'] })), 1_000 + 2.1 * HOUR);
});

const batch = (id: string, tenant: string, aloneMs: number): DrainingAlone => ({
  id,
  tenant,
  band: 3,
  expiresAt: 86_400_000,
  createdAt: Number(id),
  aloneMs,
});

test('turns: together as long as the plan, each by its tenant', () => {
  const all = [batch('1', 'a', 30_000), batch('2', 'a', 30_000), batch('3', 'b', 60_000)];
  const about = { weightOf: () => 1 };
  const one = inTurns(all, { ...about, togetherMs: 120_000 });
  assert.deepEqual(
    [...one],
    [
      ['1', 60_000],
      ['2', 120_000],
      ['3', 120_000],
    ],
  );
  const heavy = inTurns(all, { togetherMs: 120_000, weightOf: (id) => (id === 'b' ? 3 : 1) });
  assert.deepEqual(
    [...heavy],
    [
      ['3', 80_000],
      ['1', 90_000],
      ['2', 120_000],
    ],
  );
  const apart = inTurns(all, { ...about, togetherMs: 60_000 });
  assert.deepEqual(
    [...apart],
    [
      ['1', 30_000],
      ['2', 60_000],
      ['3', 60_000],
    ],
  );
});
