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
