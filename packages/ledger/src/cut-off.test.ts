/** A connection that breaks when some of what was asked for together is answered, and the rest is not. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startRedis, TcpProxy, until } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { connectRedis } from './connect.ts';

let server: TestRedis;
let proxy: TcpProxy;
before(async () => {
  server = await startRedis();
  proxy = await TcpProxy.start(server.port);
});
after(async () => {
  await proxy.stop();
  await server.stop();
});

const URL_OF = (port: number): string => `redis://127.0.0.1:${port}`;

test('in the background the rest is asked for again', async (t) => {
  const redis = connectRedis(URL_OF(proxy.port), 'background');
  t.after(() => redis.disconnect());
  const direct = connectRedis(server.url, 'background');
  t.after(() => direct.disconnect());
  redis.defineCommand('echoed', { numberOfKeys: 0, lua: 'return ARGV[1]' });
  await redis.set('key', 'kept');
  // The second holds the rest up, answered or not.
  const answers = Promise.all([
    redis.get('key'),
    redis.blpop('list', 0),
    redis.get('key'),
    (redis as unknown as { echoed: (text: string) => Promise<string> }).echoed('said'),
  ]);
  const { commandQueue } = redis as unknown as { commandQueue: { length: number } };
  await until('one reply came', () => commandQueue.length === 3);
  proxy.cut();
  await direct.rpush('list', 'news');
  assert.deepEqual(await answers, ['kept', ['list', 'news'], 'kept', 'said']);
});

test('ended, they fail', async () => {
  const redis = connectRedis(URL_OF(proxy.port), 'background');
  await redis.set('key', 'kept');
  const answers = Promise.allSettled([redis.get('key'), redis.blpop('none', 0), redis.get('key')]);
  const { commandQueue } = redis as unknown as { commandQueue: { length: number } };
  await until('one reply came', () => commandQueue.length === 2);
  redis.disconnect();
  assert.deepEqual(
    (await answers).map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected'],
  );
});
