import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { startRedis, until } from '@sluice/testing';
import { openQueue } from './queue.ts';
import { openWorker } from './worker.ts';

const OPTIONS = { prefix: 'test', concurrency: 4, keep: 10 };

/** A worker whose entries end when the test says so. */
async function setUp(t: TestContext) {
  const redis = await startRedis({ persistent: true });
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null, retryStrategy: () => 300 });
  connection.on('error', () => undefined);
  const queue = openQueue<{ n: number }>('q', connection, OPTIONS);
  const entry = { started: false, end: (): void => undefined };
  const worker = openWorker<{ n: number }>(
    'q',
    () =>
      new Promise<string>((resolve) => {
        entry.end = () => resolve('done');
        entry.started = true;
      }),
    connection,
    OPTIONS,
  );
  t.after(async () => {
    connection.disconnect();
    await redis.stop();
  });
  const status = async () => (await worker.backend.blockingClient)?.status;
  await until('it waits for entries', async () => (await status()) === 'ready');
  return { redis, queue, worker, entry, status };
}

test(
  'a worker told to stop while Redis is away ends when Redis is back',
  { timeout: 30_000 },
  async (t) => {
    const { redis, worker, status } = await setUp(t);
    process.kill(redis.pid, 'SIGKILL');
    await until('it tries to reconnect', async () => (await status()) === 'reconnecting');
    const closed = worker.close();
    await redis.restart();
    await closed;
    assert.equal(await status(), 'end');
  },
);

test('an entry under way is finished first', { timeout: 30_000 }, async (t) => {
  const { redis, queue, worker, entry, status } = await setUp(t);
  const { id } = await queue.add('x', { n: 1 });
  await until('it starts', () => entry.started);
  process.kill(redis.pid, 'SIGKILL');
  await until('it tries to reconnect', async () => (await status()) === 'reconnecting');
  const closed = worker.close();
  await redis.restart();
  entry.end();
  await closed;
  assert.equal(await queue.getJobState(id as string), 'completed');
});
