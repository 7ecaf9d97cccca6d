import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrive } from './arrive.ts';
import { nextTurn } from './next-turn.ts';
import { ShapedTenants } from './shaped-tenants.ts';
import { createTurns } from './turns.ts';

/** `a` has a job waiting; `isNext`: whether it has a turn. */
function shapedOf(inFlight: () => number, states = {}) {
  const turns = createTurns();
  arrive(turns, { id: 'job', tenant: 'a', band: 'normal', lane: 'fast', deadlineAt: 0 });
  const shaped = new ShapedTenants(turns, inFlight, states);
  return { shaped, isNext: () => nextTurn(turns, () => 'yes') !== null };
}

const NONE = () => 0;

test('who is at a limit has no turn until it gives something back', () => {
  const { shaped, isNext } = shapedOf(NONE);
  shaped.follow([{ id: 'a', limits: { rpm: 60 } }], 0);
  shaped.look(0);
  assert.deepEqual([isNext(), shaped.most('a', 0), shaped.most('b', 0)], [true, 1, Infinity]);
  shaped.sent('a', { requests: 1, tokens: 10 }, 0);
  assert.equal(isNext(), false);
  assert.equal(shaped.soonestAt(0), 1_000);
  shaped.look(999);
  assert.equal(isNext(), false);
  shaped.look(1_000);
  assert.equal(isNext(), true);
});

test('a limit that is lowered takes the turn from who is beyond it, one that is raised gives it back', () => {
  const { shaped, isNext } = shapedOf(() => 5);
  shaped.follow([{ id: 'a', limits: { concurrency: 10 } }], 0);
  shaped.look(0);
  assert.deepEqual([isNext(), shaped.most('a', 0)], [true, 5]);
  shaped.follow([{ id: 'a', limits: { concurrency: 3 } }], 0);
  assert.equal(shaped.most('a', 0), 1, 'before the next look, too, not any number');
  shaped.look(0);
  assert.equal(isNext(), false);
  shaped.follow([{ id: 'a', limits: {} }], 0);
  assert.equal(isNext(), true);
});

test('what the one before sent counts: a debt is waited for', () => {
  const before = shapedOf(NONE).shaped;
  const tenants = [{ id: 'a', limits: { tpm: 6_000 } }];
  before.follow(tenants, 0);
  before.sent('a', { requests: 1, tokens: 60_000 }, 0);
  const { shaped, isNext } = shapedOf(NONE, before.states);
  shaped.follow(tenants, 1_000);
  shaped.look(1_000);
  assert.equal(isNext(), false);
  shaped.look(10 * 60_000);
  assert.equal(isNext(), true);
});
