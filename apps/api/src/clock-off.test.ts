/** An API whose machine is a day ahead: what it stores, judges and shows as a date goes by Redis's clock. */
import assert from 'node:assert/strict';
import { after, before, mock, test } from 'node:test';
import { RedisClock, answerDryRun, listIds, readFile } from '@sluice/ledger';
import { slotOf } from '@sluice/job';
import { QUEUES, openQueue } from '@sluice/queues';
import { startSink, until } from '@sluice/testing';
import OpenAI, { toFile } from 'openai';
import pino from 'pino';
import { apiEvents } from './events.ts';
import { startHousekeeping } from './housekeeping.ts';
import { chat, endJobAs, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;

const right = Date.now;
let api: TestApi;
before(async () => {
  mock.method(Date, 'now', () => right() + DAY);
  api = await startTestApi();
});
after(async () => {
  await api.stop();
  mock.restoreAll();
});

/** `seconds`: of the moment that it is now. */
function isNow(seconds: number | null): void {
  const off = Number(seconds) - right() / 1_000;
  assert.ok(Math.abs(off) < 10, `${off} s off`);
}

const LINES = '{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"fast"}}\n';
const direct = async (query = '') =>
  (await api.call(`POST /v1/batches${query}`, LINES, { 'content-type': 'application/jsonl' })).json;

test('housekeeping removes what has lapsed, and nothing early', async (t) => {
  const { ledger, settings } = api;
  const { redis, keys } = ledger;
  const lapsing = async (ms: number): Promise<string> => {
    const form = new FormData();
    form.append('purpose', 'user_data');
    form.append('file', new Blob(['{}']), 'a.json');
    const sent = await fetch(`${api.url}/v1/files`, { method: 'POST', body: form });
    const { id } = (await sent.json()) as { id: string };
    await redis.hset(keys.file(id), 'expires', right() + ms);
    await redis.zadd(keys.expiries(slotOf(id)), right() + ms, id);
    return id;
  };
  const [over, young] = [await lapsing(-MINUTE), await lapsing(60 * MINUTE)];
  const queue = openQueue(QUEUES.dead, redis, { prefix: 'test', keep: 10 });
  const diedAt = right() - settings.retention.deadMs;
  const died = (id: string, timestamp: number) =>
    queue.add('timeout', { id }, { jobId: id, timestamp });
  await died('over', diedAt - MINUTE);
  await died('young', diedAt + 60 * MINUTE);

  t.mock.timers.enable({ apis: ['setInterval'] });
  const ended: object[] = [];
  const events = {
    ...apiEvents(pino({ level: 'silent' })),
    housekept: (removed: object) => ended.push(removed),
  };
  const clock = new RedisClock({ redis, events });
  await clock.read();
  const store = api.store();
  const stop = new AbortController();
  const queues = { queue: () => queue } as never;
  startHousekeeping({ ledger, store, events, settings, queues, clock }, stop.signal);
  t.mock.timers.tick(MINUTE);
  await until('the end of a round', () => ended.length > 0);
  stop.abort();
  assert.deepEqual(ended, [{ files: 1, uploads: 0, batches: 0, rows: 0 }]);
  assert.equal(await readFile(ledger, over), null);
  assert.notEqual(await readFile(ledger, young), null);
  const left = await queue.getJobs(['waiting']);
  assert.deepEqual(
    left.map(({ id }) => id),
    ['young'],
  );
  await Promise.all([store.close(), queue.close()]);
});

test('an upload is open for its hour', async () => {
  const client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'any', maxRetries: 0 });
  const upload = await client.uploads.create({
    filename: 'a.jsonl',
    purpose: 'batch',
    bytes: LINES.length,
    mime_type: 'application/jsonl',
  });
  isNow(upload.expires_at - 3_600);
  const part = await client.uploads.parts.create(upload.id, {
    data: await toFile(Buffer.from(LINES)),
  });
  isNow(part.created_at);
  const done = await client.uploads.complete(upload.id, { part_ids: [part.id] });
  assert.equal(done.status, 'completed');
});

test('bytes without a record, and a file on the way to its batch, are looked at in their time', async () => {
  const { redis, keys } = api.ledger;
  const { input_file_id: id } = await direct();
  const loose = Number(await redis.zscore(keys.looseBytes(slotOf(id)), id));
  isNow((loose - DAY) / 1_000);
  const lookAt = Number(await redis.zscore(keys.expiries(slotOf(id)), id));
  isNow((lookAt - 2 * MINUTE) / 1_000);
});

test('models are there since this process started', async () => {
  isNow((await api.call('GET /v1/models')).json.data[0].created);
});

test('a job is cancelled at the time it is', async () => {
  const { json } = await api.call('POST /v1/jobs', { model: 'fast', body: chat() });
  const cancelled = (await api.call(`POST /v1/jobs/${json.id}/cancel`)).json;
  isNow(cancelled.created_at);
  isNow(cancelled.ended_at);
});

test('a batch that will be done in an hour says so', async () => {
  const { redis, keys } = api.ledger;
  const { id } = await direct();
  const etaAt = right() + 60 * MINUTE;
  await redis.hset(keys.batch(id), 'eta_at', etaAt);
  const shown = (await api.call(`GET /v1/batches/${id}`)).json;
  assert.equal(shown.sluice.eta_at, Math.floor(etaAt / 1_000));
});

test('a dry run tells when its batch would be done', async () => {
  const { redis } = api.ledger;
  const asked = direct('?dry_run=true');
  const id = await until('it is asked for', async () => {
    const [key] = await redis.keys('*dry:*');
    return key === undefined ? null : key.slice(key.indexOf('batch_'));
  });
  const estimate = {
    assumed: { outputTokens: {}, deployments: {} },
    idealMs: MINUTE,
    etaMs: 60 * MINUTE,
    pools: {},
    inputTokens: { low: 1, likely: 1, high: 1 },
    outputTokens: { low: 1, likely: 1, high: 1 },
    costUsd: null,
    thrifty: [],
  };
  await answerDryRun(api.ledger, id, { lines: 1, badLines: 0, errors: [], estimate });
  const answer = await asked;
  isNow(answer.eta_at - 3_600);
  assert.equal(answer.deadline.meets, true);
});

test('a trial of a webhook is signed with the time it is', async (t) => {
  const sink = await startSink();
  t.after(() => sink.stop());
  const endpoint = { name: 'mine', url: sink.url, event_types: ['job.succeeded'] };
  const made = await api.call('POST /v1/webhook_endpoints', endpoint);
  const { id } = made.json;
  assert.ok(id, made.text);
  const trial = await api.call(`POST /v1/webhook_endpoints/${id}/test`, {
    event_type: 'job.succeeded',
  });
  assert.equal(trial.status, 200, trial.text);
  isNow(Number(sink.requests[0]?.headers['webhook-timestamp']));
});

test('an acceptance whose answer is late is asked for again, as with a clock that is right', async () => {
  await api.ledger.redis.call('CLIENT', 'PAUSE', '1300');
  const { status, text } = await api.call('POST /v1/jobs', { model: 'fast', body: chat() });
  assert.equal(status, 202, text);
});

test('an answer is waited for', async () => {
  const { redis, keys } = api.ledger;
  const jobs = (): Promise<string[]> =>
    listIds(api.ledger, { kind: 'jobs', tenant: null, order: 'desc' }, 100);
  const earlier = await jobs();
  const asked = api.call('POST /v1/embeddings', { model: 'fast', input: 'x' });
  const id = await until('its job', async () =>
    (await jobs()).find((one) => !earlier.includes(one)),
  );
  assert.equal(await redis.hget(keys.job(id), 'status'), 'queued');
  await endJobAs(api.ledger, id, { status: 'succeeded', result_status: 200, result_body: '{}' });
  const { status, text } = await asked;
  assert.deepEqual([status, text], [200, '{}']);
});
