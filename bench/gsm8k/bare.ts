/**
 * `npm run bench:gsm8k:bare`: what one writes with BullMQ alone for the same questions, keys and limits. A queue per key, dealt
 * out by hand-set weights, a per-second limiter per key, failed calls tried again after a second.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { request } from 'undici';
import { idealDrain } from '@sluice/planning';
import { rowsAt, rowsOf, startRedis, System } from '@sluice/testing';
import { CONFIG, problemOf, simulatorOptions } from './scenario.ts';
import type { ServedCall } from './scenario.ts';

const { values: flags } = parseArgs({
  options: { data: { type: 'string' }, even: { type: 'boolean' } },
});
const MAX_TOKENS = 256;
/** Jobs per second that a person would set for each key, knowing the limits and the usual size of a question (320 tokens). */
const RATES: Record<string, number> = flags.even
  ? { a: 5, b: 5, c: 5, d: 5 }
  : { a: 5, b: 6, c: 4, d: 3 };

const questions = rowsOf<{ question: string }>(
  readFileSync(flags.data ?? '../shared/data/gsm8k/test.jsonl', 'utf8'),
).map(({ question }) => question);
const system = await System.start({
  config: CONFIG,
  simulator: simulatorOptions(),
  roles: { api: 0, dispatcher: 0, worker: 0 },
});
const server = await startRedis({ persistent: true });
const connection = new Redis(server.url, { maxRetriesPerRequest: null });

const queues = new Map(Object.keys(RATES).map((key) => [key, new Queue(key, { connection })]));
const workers = Object.entries(RATES).map(
  ([key, rate]) =>
    new Worker<{ content: string }>(key, async (job) => call(key, job.data.content), {
      connection,
      concurrency: 64,
      limiter: { max: rate, duration: 1_000 },
    }),
);

async function call(key: string, content: string): Promise<number> {
  const answer = await request(`${system.simulatorUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer key-${key}` },
    body: JSON.stringify({
      model: 'sim-model',
      max_tokens: MAX_TOKENS,
      messages: [{ role: 'user', content }],
    }),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(String(answer.statusCode));
  return text.length;
}

/** Smooth weighted round robin: who is furthest behind its share is next. */
const dealt: Record<string, number> = Object.fromEntries(Object.keys(RATES).map((key) => [key, 0]));
for (const content of questions) {
  const [key] = Object.keys(RATES).toSorted((a, b) => behind(a) - behind(b));
  dealt[key as string] = (dealt[key as string] as number) + 1;
  await queues
    .get(key as string)
    ?.add('q', { content }, { attempts: 20, backoff: { type: 'fixed', delay: 1_000 } });
}
function behind(key: string): number {
  return ((dealt[key] as number) + 1) / (RATES[key] as number);
}

let completed = 0;
await new Promise<void>((resolve) => {
  const check = async (): Promise<void> => {
    const counts = await Promise.all(
      [...queues.values()].map((queue) => queue.getCompletedCount()),
    );
    completed = counts.reduce((sum, count) => sum + count, 0);
    if (completed >= questions.length) resolve();
    else setTimeout(() => void check(), 250);
  };
  void check();
});

const calls = await rowsAt<ServedCall>(`${system.simulatorUrl}/_sim/ledger`);
const ok = calls.filter((one) => one.end === 'ok');
const drain =
  Math.max(...ok.map((one) => one.ended_ms ?? 0)) - Math.min(...calls.map((one) => one.at_ms));
const ideal = await idealDrain(problemOf(ok, MAX_TOKENS));
const idealMs = ideal.kind === 'solved' ? ideal.idealMs : Number.NaN;
console.log(
  `bare BullMQ (${flags.even ? 'dealt out evenly' : 'hand-set weights'}): ${completed} answered`,
);
console.log(
  `drain        ${(drain / 1000).toFixed(2)} s · T* ${(idealMs / 1000).toFixed(2)} s · ratio ${(drain / idealMs).toFixed(3)}`,
);
console.log(`429s         ${calls.filter((one) => one.end === 'limited').length}`);
await Promise.all(workers.map((worker) => worker.close()));
await Promise.all([...queues.values()].map((queue) => queue.close()));
connection.disconnect();
await server.stop();
await system.stop();
