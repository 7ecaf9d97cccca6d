/** What is read of the budgets: of all or a part, and while the fleet becomes another. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedis } from '@sluice/testing';
import { Redis } from 'ioredis';
import { Admission } from './admission.ts';
import { makeFleet } from './test-fleet.ts';

test('a look that is under way when the fleet becomes another tells of the one that was', async (t) => {
  const server = await startRedis();
  const redis = new Redis(server.url);
  const before = makeFleet({ deployments: { a: { limits: { rpm: 60 } } } });
  const admission = new Admission({ redis, prefix: 'test', fleet: before });
  t.after(async () => {
    admission.close();
    redis.disconnect();
    await server.stop();
  });
  const after = makeFleet({ deployments: { b: { limits: { rpm: 60 } } } });
  const [b] = after.deployments.values();
  assert.ok(b);
  after.deployments = new Map([['b', { ...b, root: 'elsewhere' }]]);
  const looks = [admission.read(), admission.readBudgets()];
  admission.useFleet(after);
  const [loads, budgets] = await Promise.all(looks);
  assert.deepEqual([...(loads?.keys() ?? []), ...(budgets?.keys() ?? [])], ['a', 'a']);
  assert.deepEqual([...(await admission.read()).keys()], ['b']);
});

test('of some roots: what a look at all says of them, and of the others nothing', async (t) => {
  const server = await startRedis();
  const redis = new Redis(server.url);
  const limits = { rpm: 60 };
  const fleet = makeFleet({ deployments: { a: { limits }, b: { limits }, c: { limits } } });
  for (const [id, one] of fleet.deployments)
    fleet.deployments.set(id, { ...one, root: id === 'c' ? 'c' : 'ab' });
  const admission = new Admission({ redis, prefix: 'test', fleet, micros: () => 1e9 });
  t.after(async () => {
    admission.close();
    redis.disconnect();
    await server.stop();
  });
  await admission.taken('a', 3);
  const all = await admission.read();
  assert.equal(all.get('a')?.taken, 3);
  const some = await admission.read(new Set(['ab']));
  assert.deepEqual([...some], [...all].slice(0, 2));
  assert.equal((await admission.read(new Set())).size, 0);
});
