/** A replay whose answer never came, since its process died, is sent again: what it has made by then is not made twice. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { connectRedis, countBacklog } from '@sluice/ledger';
import { QUEUES, openQueue } from '@sluice/queues';
import { chat, endJobAs, startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

let api: TestApi;
let queue: Queue;
let redis: Redis;
before(async () => {
  api = await startTestApi();
  redis = connectRedis(api.redis.url, 'background');
  queue = openQueue(QUEUES.dead, redis, { prefix: 'test', keep: 10 });
});
after(async () => {
  await queue.close();
  redis.disconnect();
  await api.stop();
});

/** As the dispatcher adds it, again and again where it is not sure that it did. */
const bury = (id: string) =>
  queue.add('timeout', { id, code: 'timeout', pool: 'fast' }, { jobId: id });

async function deadJob(): Promise<string> {
  const { json } = await api.call('POST /v1/jobs', { model: 'fast', body: chat() });
  await endJobAs(api.ledger, json.id, { status: 'failed' });
  await bury(json.id);
  return json.id;
}

const replay = async (body: object, headers: Record<string, string> = {}) =>
  (await api.call('POST /admin/dead/replay', body, headers)).json;

/** All that remembers keys and answers to them is gone, as after the time for which it is kept. */
async function forgetKeys(): Promise<void> {
  for (const key of await redis.keys('test*idem*')) await redis.del(key);
}

test('the process died after the replay was made and before it was taken from the dead', async () => {
  const id = await deadJob();
  const first = await replay({ ids: [id] }, { 'idempotency-key': 'k' });
  const backlog = await countBacklog(api.ledger);
  await bury(id);
  await forgetKeys();
  assert.deepEqual(await replay({ pool: 'fast' }, { 'idempotency-key': 'k' }), first);
  assert.deepEqual(await replay({ pool: 'fast' }), { ...first, replayed: [] }, 'it is dealt with');
  assert.equal(await countBacklog(api.ledger), backlog);
});

const jobsIn = (answer: { replayed: { id: string; job: string }[] }) =>
  new Map(answer.replayed.map(({ id, job }) => [id, job]));

test('it died after that, before it answered: asked again by ids it says which jobs they are', async () => {
  const [one, other] = [await deadJob(), await deadJob()];
  const first = await replay({ ids: [one, other] });
  assert.equal(first.replayed.length, 2);
  const again = await replay({ ids: [one, other] });
  assert.deepEqual([jobsIn(again), again.skipped], [jobsIn(first), []]);
});

test('what its owner retries meanwhile is not bought a second time by a replay, nor the other way round', async () => {
  const [retried, replayed] = [await deadJob(), await deadJob()];
  const { json } = await api.call(`POST /v1/jobs/${retried}/retry`);
  const answer = await replay({ ids: [retried, replayed] });
  const jobs = jobsIn(answer);
  assert.equal(jobs.get(retried), json.id);
  const again = await api.call(`POST /v1/jobs/${replayed}/retry`);
  assert.deepEqual([again.status, again.json.id], [202, jobs.get(replayed)]);
});

test('a replay with a field that it does not know replays nothing, and names the field', async () => {
  const { status, json } = await api.call('POST /admin/dead/replay', { pools: 'fast' });
  assert.deepEqual(
    [status, json.error.code, json.error.param],
    [400, 'unknown_parameter', 'pools'],
  );
});
