/** A network that swallows what is said, in both directions, and closes nothing. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Redis } from 'ioredis';
import { startRedis, TcpProxy, until } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { blockingOn, connectRedis, openRedis } from './connect.ts';
import { ASK_MS, SILENCE_MS } from './silence.ts';

let server: TestRedis;
let proxy: TcpProxy;
before(async () => {
  server = await startRedis();
  proxy = await TcpProxy.start(Number(new URL(server.url).port));
});
after(async () => {
  await proxy.stop();
  await server.stop();
});

const open = (
  role: 'serving' | 'background' | 'subscriber',
  t: { after: (end: () => void) => void },
): Redis => {
  const redis = connectRedis(`redis://127.0.0.1:${proxy.port}`, role);
  t.after(() => redis.disconnect());
  return redis;
};

test('what waits in the background is answered by a new connection', async (t) => {
  const redis = open('background', t);
  await redis.set('key', 'kept');
  assert.ok(proxy.silence() > 0);
  const began = performance.now();
  assert.equal(await redis.get('key'), 'kept');
  const ms = performance.now() - began;
  assert.ok(ms >= SILENCE_MS.background - 50, `after ${ms} ms: the old one was silent`);
  assert.ok(ms < SILENCE_MS.background + 4_000, `after ${ms} ms`);
});

test('who serves fails at once, and is served again', async (t) => {
  const redis = open('serving', t);
  await redis.set('key', 'kept');
  proxy.silence();
  const began = performance.now();
  await assert.rejects(redis.get('key'), /timed out/);
  await until('it answers again', () => redis.get('key').catch(() => null));
  assert.ok(performance.now() - began < SILENCE_MS.serving + 4_000);
});

test('an answer that came while the process could not run is no silence', async (t) => {
  const redis = openRedis(server.url, { socketTimeout: 100 });
  t.after(() => redis.disconnect());
  await redis.set('key', 'kept');
  let closed = 0;
  redis.on('close', () => (closed += 1));
  for (let i = 0; i < 3; i++) {
    const answer = redis.get('key');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    assert.equal(await answer, 'kept');
  }
  assert.equal(closed, 0);
});

test('what blocks hears what came meanwhile', async (t) => {
  const redis = open('background', t);
  const blocking = blockingOn(redis, 'stream');
  t.after(() => blocking.disconnect());
  await blocking.ping();
  proxy.silence();
  const read = blocking.xread('BLOCK', 60_000, 'STREAMS', 'stream', '0');
  const other = connectRedis(server.url, 'background');
  t.after(() => other.disconnect());
  await other.xadd('stream', '*', 'news', '1');
  assert.equal((await read)?.[0]?.[0], 'stream');
});

test('a subscriber hears again', async (t) => {
  const subscriber = open('subscriber', t);
  const heard: string[] = [];
  subscriber.on('message', (_, message: string) => heard.push(message));
  await subscriber.subscribe('news');
  proxy.silence();
  const other = connectRedis(server.url, 'background');
  t.after(() => other.disconnect());
  await until(
    'it hears again',
    async () => (await other.publish('news', 'here')) > 0 && heard.length > 0,
    { timeoutMs: ASK_MS + SILENCE_MS.subscriber + 4_000 },
  );
});
