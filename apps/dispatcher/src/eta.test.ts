import assert from 'node:assert/strict';
import { test } from 'node:test';
import { etaAt } from './eta.ts';
import type { EtaFacts } from './eta.ts';
import { PLACED } from './plan-problem.ts';

const pair = (id: string, held: boolean) => ({
  class: id,
  deployment: 'd',
  jobs: 1,
  latencyMs: 0,
  held,
  steps: [],
});

const facts = (more: Partial<EtaFacts> = {}): EtaFacts => ({
  plan: { finishMs: { a: 10_000, b: 20_000 }, pairs: [pair('a', false), pair('b', false)] },
  madeAt: 1_000,
  now: 2_000,
  classes: ['a'],
  left: 0.5,
  idealMs: null,
  batches: 2,
  savesMoney: false,
  ...more,
});

test('when the last of its classes is done by the plan, and a little later', () => {
  assert.equal(etaAt(facts()), 1_000 + 10_500);
  assert.equal(etaAt(facts({ classes: ['a', 'b'] })), 1_000 + 21_000);
});

test('not before what stands on the queues', () => {
  const plan = { finishMs: { a: 10_000, [`${PLACED}d`]: 30_000 }, pairs: [] };
  assert.equal(etaAt(facts({ plan })), 1_000 + 31_500);
});

test('sooner where its turn among the others lets it', () => {
  assert.equal(etaAt(facts({ idealMs: 4_000 })), 2_000 + 4_200);
  assert.equal(etaAt(facts({ idealMs: 400_000 })), 1_000 + 10_500);
});

test('alone it takes what the plan says, whatever it would have taken at the start', () => {
  assert.equal(etaAt(facts({ idealMs: 4_000, batches: 1 })), 1_000 + 10_500);
});

test('what saves money takes the time that the plan gives it, and is not urgent for that', () => {
  assert.equal(etaAt(facts({ idealMs: 4_000, savesMoney: true })), 1_000 + 10_500);
  const plan = { finishMs: { a: 10_000 }, pairs: [pair('a', false), pair('a', true)] };
  assert.equal(etaAt(facts({ idealMs: 4_000, savesMoney: true, plan })), 1_000 + 10_000);
});
