/** What is read of the budgets while the fleet becomes another. */
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
