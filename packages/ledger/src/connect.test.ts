/** Connections to a Cluster behave as those to one server: what works in the background waits, what serves people does not. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Redis } from 'ioredis';
import { startRedis, startRedisCluster, until } from '@sluice/testing';
import type { TestRedis, TestRedisCluster } from '@sluice/testing';
import { connectRedis, serversOf } from './connect.ts';
import type { ConnectionRole } from './connect.ts';

let cluster: TestRedisCluster;
before(async () => {
  cluster = await startRedisCluster();
});
after(() => cluster.stop());

const open = (role: ConnectionRole, t: { after: (end: () => void) => void }): Redis => {
  const redis = connectRedis(cluster.url, role);
  t.after(() => redis.disconnect());
  return redis;
};

/** Keys on every node. */
const KEYS = Array.from({ length: 30 }, (_, n) => `{j${n}}:x`);
const [FIRST] = KEYS as [string];
const AWAY = /Connection is closed|timed out|Too many Cluster redirections/;

test('a key of any node, and the servers behind', async (t) => {
  const redis = open('background', t);
  await Promise.all(KEYS.map((key) => redis.set(key, key)));
  assert.deepEqual(await Promise.all(KEYS.map((key) => redis.get(key))), KEYS);
  const ports = serversOf(redis).map(({ options }) => String(options.port));
  assert.deepEqual(ports.toSorted(), cluster.nodes.map(({ port }) => String(port)).toSorted());
});

test('while a node is away the background waits, who serves does not, and other nodes answer', async (t) => {
  const [waiting, serving] = [open('background', t), open('serving', t)];
  const holder = await cluster.holderOf(FIRST);
  const others = await Promise.all(
    KEYS.map(async (key) => ((await cluster.holderOf(key)) === holder ? [] : [key])),
  );
  await Promise.all([waiting.set(FIRST, 'kept'), serving.get(FIRST)]);
  process.kill(holder.pid, 'SIGKILL');
  await assert.rejects(serving.get(FIRST), AWAY);
  const began = Date.now();
  await assert.rejects(serving.get(FIRST), AWAY);
  assert.ok(Date.now() - began < 1_800);
  const answer = waiting.get(FIRST);
  assert.equal(await serving.set(others.flat()[0] as string, '1'), 'OK');
  await holder.restart();
  assert.equal(await answer, 'kept');
  await until('who serves has it again', () => serving.get(FIRST).catch(() => null));
});

test('without any node, too', async (t) => {
  const [waiting, serving] = [open('background', t), open('serving', t)];
  await waiting.set(FIRST, 'kept');
  await until('both are connected', () => serving.get(FIRST).catch(() => null));
  for (const { pid } of cluster.nodes) process.kill(pid, 'SIGKILL');
  const began = Date.now();
  await assert.rejects(serving.get(FIRST), AWAY);
  assert.ok(Date.now() - began < 1_800);
  const answer = waiting.get(FIRST);
  await Promise.all(cluster.nodes.map((node) => node.restart()));
  assert.equal(await answer, 'kept');
  await until('who serves has it again', () => serving.get(FIRST).catch(() => null));
});

test('an answer that came while the process stood still is in time', async (t) => {
  const server = await startRedis();
  t.after(() => server.stop());
  for (const url of [server.url, cluster.url]) {
    const serving = connectRedis(url, 'serving');
    t.after(() => serving.disconnect());
    await serving.set(FIRST, 'there');
    const answers = [serving.get(FIRST), serving.get(FIRST)];
    // The questions leave at the end of this turn, then nothing runs for longer than an answer may take.
    setImmediate(() => {
      const end = performance.now() + 1_200;
      while (performance.now() < end);
    });
    assert.deepEqual(await Promise.all(answers), ['there', 'there']);
  }
});

test('a subscriber hears what is published anywhere, also after the death of its node', async (t) => {
  const [subscriber, redis] = [open('subscriber', t), open('background', t)];
  const heard: string[] = [];
  subscriber.on('message', (_, message: string) => heard.push(message));
  await subscriber.subscribe('news');
  const hears = (word: string) =>
    until(`it hears ${word}`, async () => {
      await Promise.all(serversOf(redis).map((one) => one.publish('news', word).catch(() => 0)));
      return heard.filter((one) => one === word).length >= 2;
    });
  await redis.ping();
  await hears('one');
  const own = cluster.nodes.find(({ port }) => port === subscriber.options.port) as TestRedis;
  process.kill(own.pid, 'SIGKILL');
  await until('it has moved', () => subscriber.options.port !== own.port);
  await hears('two');
  await own.restart();
});
