/** Thousands who wait for one job are all told of its end, for little more than one read. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectRedis, Watch } from '@sluice/ledger';
import type { JobHead } from '@sluice/ledger';
import { until } from '@sluice/testing';
import { JobReads } from './job-reads.ts';
import { chat, endJobAs, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';
import { waitForJob } from './wait-for.ts';

let api: TestApi;
before(async () => {
  api = await startTestApi();
});
after(() => api.stop());

const submit = async (): Promise<string> =>
  (await api.call('POST /v1/jobs', { model: 'fast', body: chat() })).json.id;

const done = (characters: number) => ({
  status: 'succeeded',
  result_status: 200,
  result_body: JSON.stringify({ text: 'x'.repeat(characters) }),
});

/** How many scripts ran so far: each read of a job is one. */
async function reads(): Promise<number> {
  const stats = await api.ledger.redis.info('commandstats');
  const scripts = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)];
  return scripts.reduce((sum, [, calls]) => sum + Number(calls), 0);
}

for (const [size, characters] of [
  ['small', 1_000],
  ['large', 300_000],
] as const) {
  test(`5,000 who wait for a job with a ${size} answer`, async (t) => {
    const id = await submit();
    const watch = new Watch(connectRedis(api.redis.url, 'subscriber'), api.ledger.keys);
    t.after(() => watch.close());
    await watch.start();
    const jobs = new JobReads(api.ledger);
    const wait = async (): Promise<JobHead | null> => {
      const job = await waitForJob({ reads: jobs, watch }, id, {
        waitMs: 60_000,
        signal: new AbortController().signal,
      });
      return job && jobs.whole(job);
    };
    const soFar = await reads();
    const waiting = Array.from({ length: 5_000 }, wait);
    await until('they have looked', async () => (await reads()) > soFar);
    await endJobAs(api.ledger, id, done(characters));
    const ended = await Promise.all(waiting);
    assert.deepEqual(new Set(ended.map((job) => job?.status)), new Set(['succeeded']));
    assert.equal(ended.at(-1)?.result?.body?.length, characters + 11);
    assert.equal(new Set(ended.map((job) => job?.result?.body)).size, 1);
    const read = (await reads()) - soFar;
    assert.ok(read < 50, `${read} reads`);
  });
}

test('1,000 clients that wait for one job over HTTP are all answered', async () => {
  const id = await submit();
  const soFar = await reads();
  const waiting = Array.from({ length: 1_000 }, () => api.call(`GET /v1/jobs/${id}?wait_ms=60000`));
  await until('some wait', async () => (await reads()) > soFar + 1);
  await endJobAs(api.ledger, id, done(20_000));
  const answers = await Promise.all(waiting);
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.deepEqual(new Set(answers.map(({ json }) => json.status)), new Set(['succeeded']));
  const read = (await reads()) - soFar;
  assert.ok(read < 1_000, `${read} reads`);
});
