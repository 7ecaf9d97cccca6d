import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startRedisCluster } from '@sluice/testing';
import type { TestRedisCluster } from '@sluice/testing';
import { Cluster } from 'ioredis';
import type { Redis } from 'ioredis';
import { Admission } from './admission.ts';
import { RunId } from './run-id.ts';
import { makeFleet } from './test-fleet.ts';

let cluster: TestRedisCluster;
let redis: Redis;
before(async () => {
  cluster = await startRedisCluster();
  const client = new Cluster(
    cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
    { maxRedirections: Infinity },
  );
  redis = client as unknown as Redis;
  redis.on('error', () => undefined);
});
after(async () => {
  redis.disconnect();
  await cluster.stop();
});

/** A key of every node. */
async function keysOfNodes(): Promise<string[]> {
  const keys = new Map<number, string>();
  for (let n = 0; keys.size < cluster.nodes.length; n++) {
    const key = `{b:${n}}:rates`;
    keys.set((await cluster.holderOf(key)).port, key);
  }
  return [...keys.values()];
}

test('a Cluster is known by its nodes: the restart of one is none of the others', async () => {
  const runId = new RunId(redis);
  const keys = await keysOfNodes();
  const ask = (): Promise<string[]> => Promise.all(keys.map((key) => runId.current(key)));
  const first = await ask();
  assert.equal(new Set(first).size, 3);
  await (await cluster.holderOf(keys[0] as string)).restart();
  const second = await ask();
  assert.deepEqual(
    second.map((id, i) => id === first[i]),
    [false, true, true],
  );
  assert.deepEqual(
    keys.map((key) => runId.changed(key)),
    [true, false, false],
  );
  runId.close();
});

test('after the restart of the node that has them, and of no other, buckets are empty', async () => {
  const fleet = makeFleet({ deployments: { a: { limits: { rpm: 600 } } } });
  const admission = new Admission({ redis, prefix: 'restart', fleet });
  const book = async (): Promise<number[]> => {
    const cost = { requests: 1, input: 1, output: 1, usd: 0 };
    const asked = { costs: [cost], leases: [String(Math.random())] };
    const booked = await admission.book('a', { ...asked, band: 'interactive', leaseMs: 1_000 });
    return booked.delaysMs.map(Math.round);
  };
  assert.deepEqual(await book(), [0], 'a budget that was never used is full');
  const holder = await cluster.holderOf('restart:{b:org}:rates');
  const other = cluster.nodes.find((node) => node !== holder);
  await other?.restart();
  assert.deepEqual(await book(), [0], 'still, or again, full enough');
  await holder.restart();
  assert.deepEqual(await book(), [102]);
  admission.close();
});
