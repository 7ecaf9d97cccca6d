/** Which steps of batches get their turn first, on a real queue. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRedis } from '@sluice/ledger';
import { openQueue, QUEUES, stepPriority } from '@sluice/queues';
import type { StepData } from '@sluice/queues';
import { startRedis, until } from '@sluice/testing';
import { Intake } from './intake.ts';

test('what ends a batch goes before the beginnings of others that wait, though it came last', async (t) => {
  const redis = await startRedis();
  const connection = connectRedis(redis.url, 'background');
  const about = { prefix: 'test', keep: 100 };
  const queue = openQueue<StepData>(QUEUES.batches, connection, about);
  const steps: StepData[] = Array.from({ length: 40 }, (_, i) => ({
    batch: `b${i}`,
    step: 'validate',
  }));
  steps.push(
    { batch: 'f', step: 'finalise' },
    { batch: 'w', step: 'wind_down' },
    { batch: 'd', step: 'dry_run' },
  );
  for (const data of steps)
    await queue.add('step', data, {
      jobId: `${data.batch}-${data.step}`,
      priority: stepPriority(data.step),
    });
  const done: string[] = [];
  const intake = new Intake({
    ...about,
    pools: [],
    connection,
    queueOf: () => assert.fail('no pool is taken'),
    entry: () => assert.fail('no entry is taken'),
    step: ({ batch }) => {
      done.push(batch);
      return Promise.resolve({ kind: 'done' });
    },
  });
  t.after(async () => {
    await Promise.all([intake.close(), queue.close()]);
    connection.disconnect();
    await redis.stop();
  });
  await until('all steps are done', () => done.length === steps.length);
  assert.deepEqual(done.slice(0, 3).toSorted(), ['d', 'f', 'w']);
});
