import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connectRedis } from '@sluice/ledger';
import { startRedis, until } from '@sluice/testing';
import { Redis } from 'ioredis';
import pino from 'pino';
import { apiEvents } from './events.ts';
import { QueueDoor } from './queue-door.ts';

/** Long before the sweeper looks. */
const SOON = { timeoutMs: 5_000 };

async function openDoor(t: TestContext) {
  const server = await startRedis();
  const failures: (number | null)[] = [];
  const left: number[] = [];
  const events = apiEvents(pino({ level: 'silent' }));
  const door = new QueueDoor(connectRedis(server.url, 'background'), 'test', {
    ...events,
    queueingFailed: (fields) => failures.push(fields.again_ms),
    queueingLeft: ({ entries }) => left.push(entries),
  });
  t.after(async () => {
    await door.close();
    await server.stop();
  });
  return { server, door, failures, left };
}

const waiting = async (door: QueueDoor, queue: string): Promise<number> =>
  (await door.queue(queue).getJobCounts('prioritized'))['prioritized'] ?? 0;

test('what Redis cannot take while it is away is queued when it is back', async (t) => {
  const { server, door } = await openDoor(t);
  process.kill(server.pid, 'SIGKILL');
  for (const id of ['job_1', 'job_2']) door.addJob('fast', { id, epoch: 0 }, 'normal');
  door.addStep({ batch: 'batch_1', step: 'validate' });
  await server.restart();
  await until('jobs are queued', async () => (await waiting(door, 'jobs-fast')) === 2, SOON);
  await until('the step is queued', async () => (await waiting(door, 'batches')) === 1, SOON);
});

test('what ends a batch goes before what begins another', async (t) => {
  const { door } = await openDoor(t);
  door.addStep({ batch: 'batch_1', step: 'validate' });
  door.addStep({ batch: 'batch_2', step: 'wind_down' });
  await until('both are queued', async () => (await waiting(door, 'batches')) === 2, SOON);
  const queued = await door.queue('batches').getPrioritized();
  assert.deepEqual(
    queued.map(({ data }) => data.step),
    ['wind_down', 'validate'],
  );
});

test('what a full Redis refuses is offered again', async (t) => {
  const { server, door, failures } = await openDoor(t);
  assert.equal(await waiting(door, 'jobs-fast'), 0);
  const operator = new Redis(server.url);
  t.after(() => operator.disconnect());
  await operator.config('SET', 'maxmemory', '1');
  door.addJob('fast', { id: 'job_1', epoch: 0 }, 'normal');
  await until('it is refused', () => failures.length > 0);
  await operator.config('SET', 'maxmemory', '0');
  await until('it is queued', async () => (await waiting(door, 'jobs-fast')) === 1, SOON);
  assert.ok(failures.every((again) => again !== null));
});

test('closing without Redis does not wait for it', async (t) => {
  const { server, door, left } = await openDoor(t);
  assert.equal(await waiting(door, 'jobs-fast'), 0);
  process.kill(server.pid, 'SIGKILL');
  door.addJob('fast', { id: 'job_1', epoch: 0 }, 'normal');
  const began = performance.now();
  await door.close();
  assert.ok(performance.now() - began < 2_000);
  assert.deepEqual(left, [1]);
});
