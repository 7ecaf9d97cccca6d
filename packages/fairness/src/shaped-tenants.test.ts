import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShapedTenants } from './shaped-tenants.ts';
import { createTurns } from './turns.ts';

const NOW = 1_700_000_000_000;
const JOB = { requests: 1, tokens: 20 };

function shaped(limits: { rpm?: number; tpm?: number; concurrency?: number }, inFlight = 0) {
  const tenants = new ShapedTenants(createTurns(), () => inFlight);
  tenants.follow([{ id: 'a', limits }], NOW);
  return tenants;
}

test('who is at a limit of its own is told with it, also in the moments between two of its turns', () => {
  const tenants = shaped({ rpm: 600 });
  assert.deepEqual(tenants.atLimit(NOW), []);
  for (let job = 0; job < 10; job++) tenants.sent('a', JOB, NOW);
  const told = [{ tenant: 'a', limit: 'rpm', allowed: 600 }];
  assert.deepEqual(tenants.atLimit(NOW), told);
  tenants.release(NOW + 101);
  assert.deepEqual(tenants.atLimit(NOW + 101), told, 'it has a turn again, for a single job');
  assert.deepEqual(tenants.atLimit(NOW + 10_000), []);
});

test('for as long as it lasts, and by the limit that it is', () => {
  const slow = shaped({ rpm: 1, tpm: 1_000_000 });
  slow.sent('a', JOB, NOW);
  for (let ms = 0; ms < 60_000; ms += 1_000) {
    slow.release(NOW + ms);
    assert.equal(slow.atLimit(NOW + ms)[0]?.limit, 'rpm');
  }
  const wide = shaped({ concurrency: 3 }, 3);
  wide.sent('a', JOB, NOW);
  assert.deepEqual(wide.atLimit(NOW), [{ tenant: 'a', limit: 'concurrency', allowed: 3 }]);
});

test('a limit that is gone holds nobody', () => {
  const tenants = shaped({ rpm: 1 });
  tenants.sent('a', JOB, NOW);
  tenants.follow([{ id: 'a', limits: {} }], NOW);
  assert.deepEqual(tenants.atLimit(NOW), []);
});
