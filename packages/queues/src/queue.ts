/** Opens a BullMQ queue with Sluice's settings: every key of a queue under one hash tag, few finished entries kept. */
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';

export interface QueueOptions {
  prefix: string;
  /** Finished entries kept for people to look at. */
  keep: number;
}

/** `prefix:{queue}` puts a queue under one hash tag, so that a Cluster serves it. */
export const queuePrefix = (prefix: string, name: string): string => `${prefix}:{${name}}`;

export function openQueue<Data>(
  name: string,
  connection: Redis,
  options: QueueOptions,
): Queue<Data> {
  const queue = new Queue<Data>(name, {
    connection,
    prefix: queuePrefix(options.prefix, name),
    skipWaitingForReady: true,
    defaultJobOptions: {
      removeOnComplete: { count: options.keep },
      removeOnFail: { count: options.keep },
      attempts: 1,
      stackTraceLimit: 0,
    },
    streams: { events: { maxLen: 100 } },
  });
  queue.on('error', () => {
    // The connection reconnects by itself; callers see their own command fail or wait.
  });
  return queue;
}
