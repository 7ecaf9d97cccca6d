/** The peer: what one writes with BullMQ alone. A worker that makes the same HTTP call and completes the job. */
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { Agent, request } from 'undici';

const [, , redisUrl = '', providerUrl = '', concurrency = '64'] = process.argv;
const dispatcher = new Agent({ pipelining: 1 });
const worker = new Worker<{ body: object }>(
  'bare',
  async (job) => {
    const answer = await request(`${providerUrl}/v1/chat/completions`, {
      dispatcher,
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer sk-sim' },
      body: JSON.stringify(job.data.body),
    });
    const parsed = JSON.parse(await answer.body.text()) as { usage: { total_tokens: number } };
    return parsed.usage.total_tokens;
  },
  {
    connection: new Redis(redisUrl, { maxRetriesPerRequest: null }),
    concurrency: Number(concurrency),
    removeOnComplete: { count: 1_000 },
  },
);
await worker.waitUntilReady();
process.send?.({ type: 'ready' });
process.on('SIGTERM', () => {
  void worker.close().then(() => process.exit(0));
});
