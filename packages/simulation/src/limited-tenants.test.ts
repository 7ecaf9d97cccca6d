/** Beside a tenant that its own limits hold, others have all of the fleet that it cannot use. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pool, Tenant } from '@sluice/job';
import { Engine } from './engine.ts';
import { exampleFleet, jobsAlike, scenario } from './example-scenario.ts';
import { idealMs } from './ideal.ts';

/** Pool `fast` is one key, `both` that and a narrower one. */
function twoPools() {
  const fleet = exampleFleet({ mini: { rpm: 600 }, haiku: { rpm: 200 } }, [['mini']]);
  const pool = fleet.pools.get('fast') as Pool;
  fleet.pools.set('both', { ...pool, id: 'both', tiers: [['mini', 'haiku']] });
  return fleet;
}

const held: Tenant = { id: 'a', keyHashes: [], pools: null, weight: 1, limits: { rpm: 60 } };

test('no key stands idle for lines that may not come yet', async () => {
  const jobs = [
    ...jobsAlike(300, { batch: 'slow' }),
    ...jobsAlike(200, { batch: 'free', tenant: 'b', pool: 'both' }),
  ];
  const about = scenario(twoPools(), jobs, { tenants: [held] });
  const run = await new Engine(about).run();
  const ends = run.tasks.flatMap(({ job, end }) => (job.tenant === 'b' ? (end?.at ?? 0) : []));
  // What is left of 600 a minute beside 60, and 200.
  const leastMs = (200 * 60_000) / (540 + 200);
  const lastMs = Math.max(...ends);
  assert.ok(lastMs < 1.1 * leastMs, `${lastMs} ms, at best ${leastMs}`);
  const ideal = await idealMs(about, run);
  assert.ok(ideal !== null && ideal <= run.endedAt && run.endedAt < 1.02 * ideal, `${ideal}`);
});

test('in a pool of both, too', async () => {
  const jobs = [
    ...jobsAlike(300, { batch: 'slow', pool: 'both' }),
    ...jobsAlike(600, { batch: 'free', tenant: 'b', pool: 'both' }),
  ];
  const { tasks } = await new Engine(scenario(twoPools(), jobs, { tenants: [held] })).run();
  const ends = tasks.flatMap(({ job, end }) => (job.tenant === 'b' ? (end?.at ?? 0) : []));
  const leastMs = (600 * 60_000) / (800 - 60);
  assert.ok(Math.max(...ends) < 1.1 * leastMs, `${Math.max(...ends)} ms, at best ${leastMs}`);
});
