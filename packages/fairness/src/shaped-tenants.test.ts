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

const NOW = 1_700_000_000_000;
const JOB = { requests: 1, tokens: 20 };

function tenantAt(limits: { rpm?: number; tpm?: number; concurrency?: number }, inFlight = 0) {
  const tenants = new ShapedTenants(createTurns(), () => inFlight);
  tenants.follow([{ id: 'a', limits }], NOW);
  return tenants;
}

test('who is at a limit of its own is told with it, also in the moments between two of its turns', () => {
  const tenants = tenantAt({ rpm: 600 });
  assert.deepEqual(tenants.atLimit(NOW), []);
  for (let job = 0; job < 10; job++) tenants.sent('a', JOB, NOW);
  const told = [{ tenant: 'a', limit: 'rpm', allowed: 600 }];
  assert.deepEqual(tenants.atLimit(NOW), told);
  tenants.look(NOW + 101);
  assert.deepEqual(tenants.atLimit(NOW + 101), told, 'it has a turn again, for a single job');
  assert.deepEqual(tenants.atLimit(NOW + 10_000), []);
});

test('for as long as it lasts, and by the limit that it is', () => {
  const slow = tenantAt({ rpm: 1, tpm: 1_000_000 });
  slow.sent('a', JOB, NOW);
  for (let ms = 0; ms < 60_000; ms += 1_000) {
    slow.look(NOW + ms);
    assert.equal(slow.atLimit(NOW + ms)[0]?.limit, 'rpm');
  }
  const wide = tenantAt({ concurrency: 3 }, 3);
  wide.sent('a', JOB, NOW);
  assert.deepEqual(wide.atLimit(NOW), [{ tenant: 'a', limit: 'concurrency', allowed: 3 }]);
});

test('a limit that is gone holds nobody', () => {
  const tenants = tenantAt({ rpm: 1 });
  tenants.sent('a', JOB, NOW);
  tenants.follow([{ id: 'a', limits: {} }], NOW);
  assert.deepEqual(tenants.atLimit(NOW), []);
});
