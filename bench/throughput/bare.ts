/** Drains jobs through bare BullMQ: addBulk, worker processes, completion. Returns jobs per second. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { until } from '@sluice/testing';

export interface BareOptions {
  redisUrl: string;
  providerUrl: string;
  jobs: number;
  body: (i: number) => object;
  /** Worker processes: with the producer as many as Sluice has roles. */
  workers: number;
}

export async function runBare(
  options: BareOptions,
): Promise<{ perSecond: number; redisMicros: number }> {
  const { redisUrl, jobs, body } = options;
  const workers = await Promise.all(
    Array.from({ length: options.workers }, () => startWorker(options)),
  );
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const queue = new Queue('bare', { connection: redis });
  await queue.waitUntilReady();
  const before = await redisCpuMicros(redis);
  const started = performance.now();
  for (let from = 0; from < jobs; from += 1_000) {
    const size = Math.min(1_000, jobs - from);
    await queue.addBulk(
      Array.from({ length: size }, (_, i) => ({ name: 'call', data: { body: body(from + i) } })),
    );
  }
  await until('the bare queue to drain', () => isDrained(queue), {
    timeoutMs: 300_000,
    everyMs: 20,
  });
  const seconds = (performance.now() - started) / 1000;
  const redisMicros = ((await redisCpuMicros(redis)) - before) / jobs;
  await queue.obliterate({ force: true });
  await queue.close();
  redis.disconnect();
  await Promise.all(workers.map(end));
  return { perSecond: jobs / seconds, redisMicros };
}

async function isDrained(queue: Queue): Promise<boolean> {
  const counts = await queue.getJobCounts('waiting', 'active');
  return counts['waiting'] === 0 && counts['active'] === 0;
}

function startWorker({ redisUrl, providerUrl }: BareOptions): Promise<ChildProcess> {
  const file = new URL('./bare-worker.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--import', 'tsx', file, redisUrl, providerUrl], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return new Promise((resolve) => child.once('message', () => resolve(child)));
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

/** User and system time of the Redis server, µs. */
export async function redisCpuMicros(redis: Redis): Promise<number> {
  const info = await redis.info('cpu');
  const read = (name: string): number =>
    Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1] ?? 0);
  return (read('used_cpu_user') + read('used_cpu_sys')) * 1e6;
}
