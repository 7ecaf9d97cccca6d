import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { standStill, startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { connectRedis } from './connect.ts';
import { LargeTexts } from './large-texts.ts';

let server: TestRedis;
before(async () => {
  server = await startRedis();
});
after(() => server.stop());

test('one at a time, in the order of asking; one that fails holds nobody up', async () => {
  const redis = connectRedis(server.url, 'large');
  const texts = new LargeTexts(redis);
  let running = 0;
  const task = (fails: boolean) => async () => {
    running += 1;
    assert.equal(running, 1);
    await redis.ping();
    running -= 1;
    if (fails) throw new Error('refused');
  };
  const asked = [false, true, false, false].map((fails) => texts.run(task(fails)));
  const ends = await Promise.allSettled(asked);
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  );
  redis.disconnect();
});

test('a large text has time to arrive where a small command has failed', async () => {
  const large = connectRedis(server.url, 'large');
  const serving = connectRedis(server.url, 'serving');
  await Promise.all([large.set('a', 'x'), serving.ping()]);
  await standStill(server.pid);
  try {
    const read = large.get('a');
    await assert.rejects(serving.get('a'), /timed out/);
    process.kill(server.pid, 'SIGCONT');
    assert.equal(await read, 'x');
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  large.disconnect();
  serving.disconnect();
});

test('where Redis is gone all that wait fail together, not one after the other', async () => {
  const gone = await startRedis();
  const redis = connectRedis(gone.url, 'large');
  await redis.ping();
  await gone.stop();
  const texts = new LargeTexts(redis);
  const began = performance.now();
  const asked = Array.from({ length: 20 }, () => texts.run((on) => on.get('a')));
  const ends = await Promise.allSettled(asked);
  assert.ok(ends.every(({ status }) => status === 'rejected'));
  const ms = performance.now() - began;
  assert.ok(ms < 2_000, `${ms}`);
  redis.disconnect();
});

test('waiting for its turn counts: none takes longer than one may', async (t) => {
  const redis = connectRedis(server.url, 'large');
  await redis.ping();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const texts = new LargeTexts(redis);
  let ran = 0;
  void texts.run(() => new Promise(() => undefined)).catch(() => undefined);
  const second = texts.run(async () => ran++);
  t.mock.timers.tick(20_000);
  await assert.rejects(second, /timed out/);
  assert.equal(ran, 0);
  redis.disconnect();
});
