import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ShapedWork } from '@sluice/fairness';
import type { Waiting } from '@sluice/ledger';
import { drainingOf } from './draining.ts';
import type { Draining } from './draining.ts';
import { exampleClass, fleetOf, problemPortsOf } from './example-fleet.ts';
import { shapedEnds, workOfSingles } from './tenant-work.ts';

const NOW = 1_000;
const FLEET = fleetOf(`
deployments:
  mini: { provider: p, model: m, limits: { rpm: 6000 } }
pools: { fast: [mini] }
`);
const LINES = exampleClass({ maxOutput: 2_000 });

const portsOf = (singles: ReadonlyMap<string, ShapedWork> = new Map()) => ({
  ...problemPortsOf(FLEET, NOW),
  limited: {
    shapingOf: (tenant: string) => (tenant === 'free' ? null : { rpm: 60 }),
    singlesOf: () => Promise.resolve(singles),
  },
});

const batch = (id: string, more: Partial<Draining> = {}): Draining => ({
  ...drainingOf({
    id,
    tenant: 'a',
    priority: 'low',
    maxTier: null,
    createdAt: NOW,
    expiresAt: NOW + 86_400_000,
    classes: [LINES],
    cursors: [0],
    completed: 0,
    failed: 0,
    usage: { inputTokens: 0, outputTokens: 0 },
  } as never),
  ...more,
});

const endsOf = async (batches: Draining[], singles?: ReadonlyMap<string, ShapedWork>) =>
  Object.fromEntries(await shapedEnds(portsOf(singles), batches));

test("a tenant's batches end one after the other, by band and deadline; other tenants' have no part in it", async () => {
  const late = batch('late');
  const soon = batch('soon', { expiresAt: NOW + 3_600_000 });
  const high = batch('high', { band: 2 });
  const ends = await endsOf([late, soon, high, batch('other', { tenant: 'b' })]);
  assert.deepEqual(ends, { high: 100_000, soon: 200_000, late: 300_000, other: 100_000 });
});

test('a tenant without such limits has no bound, nor has a batch whose lines are all fed', async () => {
  const fed = batch('fed');
  for (const one of fed.classes) one.taken = one.jobs;
  assert.deepEqual(await endsOf([batch('x', { tenant: 'free' }), fed]), {});
});

test('single jobs that wait go first, also those that are not in memory', async () => {
  const waiting = {
    tenant: 'a',
    pool: 'fast',
    jobs: 1,
    characters: 400,
    maxOutput: 20,
    batch: null,
    id: 'job_1',
  } as unknown as Waiting;
  const known = workOfSingles(portsOf(), [waiting, waiting], new Map());
  assert.equal(known.get('a')?.jobs, 2);
  const all = workOfSingles(portsOf(), [waiting, waiting], new Map([['a', 50]]));
  assert.equal(all.get('a')?.jobs, 50);
  assert.equal(all.get('a')?.tokens, 25 * (known.get('a')?.tokens ?? 0));
  assert.deepEqual(await endsOf([batch('x')], all), { x: 150_000 });
});
