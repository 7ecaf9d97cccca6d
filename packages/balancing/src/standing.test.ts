import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Block, afterFact, isBlocking, isDue } from './block.ts';
import { type Breaker, newBreaker } from './breaker.ts';
import { type Health, standing } from './standing.ts';

const closed = newBreaker(0);
const open: Breaker = { kind: 'open', since: 0, until: 9_000, trips: 1 };
const halfOpen: Breaker = { kind: 'half_open', since: 1_000, successes: 0, trips: 1 };

const state = (health: Health): string => standing(health, 30_000).state;
const probeAt = (now: number): string =>
  standing({ wish: 'active', block: null, breaker: halfOpen }, now).probe;

function refused(now: number, block: Block | null = null): Block {
  const next = afterFact(block, { kind: 'refused', reason: 'credential' }, now);
  assert.ok(next);
  return next;
}

test('a block keeps its reason and its beginning, and is tried once a minute', () => {
  const block = refused(1_000);
  assert.deepEqual(block, { reason: 'credential', since: 1_000, retryAt: 61_000 });
  assert.equal(isDue(block, 60_999), false);
  assert.equal(isDue(block, 61_000), true);
  assert.deepEqual(refused(62_000, block), {
    reason: 'credential',
    since: 1_000,
    retryAt: 122_000,
  });
});

test('a change of config makes it due at once, a success ends it', () => {
  const block = afterFact(refused(1_000), { kind: 'config_changed' }, 2_000);
  assert.ok(block && isDue(block, 2_000));
  assert.equal(afterFact(block, { kind: 'succeeded' }, 3_000), null);
  for (const kind of ['succeeded', 'config_changed'] as const)
    assert.equal(afterFact(null, { kind }, 0), null, 'nothing but a refusal blocks');
});

test('blocking are the classes that only an operator can end', () => {
  assert.ok(isBlocking('credential') && isBlocking('quota_exhausted') && isBlocking('model_gone'));
  assert.ok(!isBlocking('rate_limited') && !isBlocking('timeout'));
});

test('the operator comes first, then the block, then the breaker', () => {
  const block = refused(0);
  assert.equal(state({ wish: 'paused', block, breaker: open }), 'paused');
  assert.equal(state({ wish: 'draining', block: null, breaker: closed }), 'draining');
  assert.equal(state({ wish: 'active', block, breaker: open }), 'blocked');
  assert.equal(state({ wish: 'active', block: null, breaker: open }), 'broken');
  assert.equal(state({ wish: 'active', block: null, breaker: closed }), 'active');
});

test('anyone may try what is due after a block, and what no batch job has tried for long', () => {
  assert.equal(probeAt(30_999), 'batch');
  assert.equal(probeAt(31_000), 'any');
  assert.deepEqual(standing({ wish: 'active', block: refused(0), breaker: closed }, 60_000), {
    state: 'half_open',
    probe: 'any',
  });
});
