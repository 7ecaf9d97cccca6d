/**
 * A relay that gets no further than the queue: a process for a test to kill between adding and acknowledging. Says
 * `added` when the queue has the entries.
 */
import { connectRedis } from '@sluice/ledger';
import { QUEUES, openQueue } from '@sluice/queues';
import type { DeliveryData } from '@sluice/queues';
import { PREFIX } from './example-events.ts';
import { startOutboxRelay } from './relay.ts';

const redis = connectRedis(process.argv[2] as string, 'background');
const queue = openQueue<DeliveryData>(QUEUES.webhooks, redis, { prefix: PREFIX, keep: 100 });
startOutboxRelay({
  redis,
  prefix: PREFIX,
  queue: {
    addBulk: async (jobs) => {
      await queue.addBulk(jobs);
      process.stdout.write('added\n');
      return new Promise(() => undefined);
    },
  },
});
