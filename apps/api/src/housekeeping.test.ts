import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { makeId, slotOf } from '@sluice/job';
import { noteBytes, readBatch, readFile, readUpload } from '@sluice/ledger';
import type { FileRecord } from '@sluice/ledger';
import { until } from '@sluice/testing';
import { QUEUES, openQueue } from '@sluice/queues';
import { removeOldDead } from './dead-jobs.ts';
import { apiEvents } from './events.ts';
import { keepForBatch } from './handlers/files.ts';
import { keepHouse } from './housekeeping.ts';
import { ListWalk } from './list-walk.ts';
import { chat, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';
import pino from 'pino';

let api: TestApi;
before(async () => {
  api = await startTestApi();
});
after(() => api.stop());

const DAY = 86_400_000;
const NONE = { files: 0, uploads: 0, batches: 0, rows: 0 };
const LINES = '{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"fast"}}\n';

async function round(at: number) {
  const store = api.store();
  const events = apiEvents(pino({ level: 'silent' }));
  const removed = await keepHouse(
    { ledger: api.ledger, store, events, settings: api.settings },
    new ListWalk(api.ledger),
    at,
  );
  await store.close();
  return removed;
}

test('lapsed files and uploads go with their bytes; what a running batch reads stays', async () => {
  const now = Date.now();
  const form = new FormData();
  form.append('purpose', 'batch');
  form.append('file', new Blob([LINES]), 'a.jsonl');
  const sent = await fetch(`${api.url}/v1/files`, { method: 'POST', body: form });
  const { id } = (await sent.json()) as { id: string };
  const type = { 'content-type': 'application/jsonl' };
  const batch = (await api.call('POST /v1/batches', LINES, type)).json;
  const upload = { filename: 'a.jsonl', purpose: 'batch', bytes: 9, mime_type: 'text/plain' };
  const opened = (await api.call('POST /v1/uploads', upload)).json;
  assert.deepEqual(await round(now), { ...NONE });
  assert.deepEqual(await round(now + DAY), { ...NONE, uploads: 1 });
  assert.equal((await readUpload(api.ledger, opened.id, now))?.status, 'expired');
  assert.deepEqual(await round(now + 31 * DAY), { ...NONE, files: 1 });
  assert.equal(await readFile(api.ledger, id), null);
  assert.deepEqual(api.stored(), [batch.input_file_id]);
});

test('rows of jobs that are past their retention leave the list', async () => {
  const { json } = await api.call('POST /v1/jobs', { model: 'fast', body: chat() });
  await api.ledger.redis.del(api.ledger.keys.job(json.id));
  assert.deepEqual(await round(Date.now()), { ...NONE });
  assert.deepEqual(await round(Date.now() + 2 * DAY), { ...NONE, rows: 1 });
});

const row = (i: number) => `job_5${String(i).padStart(31, '0')}`;

test('rows that stay hold no others up, however many they are', async () => {
  const { redis, keys } = api.ledger;
  const list = keys.list({ kind: 'jobs', tenant: 'stays' }, 5);
  const old = Date.now() - 2 * DAY;
  await redis.zadd(keys.listed('jobs', 5), old, 'stays');
  const kept = Array.from({ length: 1_200 }, (_, i) => row(i));
  const gone = Array.from({ length: 1_300 }, (_, i) => row(5_000 + i));
  await redis.zadd(list, ...kept.flatMap((id, i) => [old + i, id]));
  await redis.zadd(list, ...gone.flatMap((id, i) => [old + 2_000 + i, id]));
  await Promise.all(kept.map((id) => redis.hset(keys.job(id), 'status', 'queued')));
  const walk = new ListWalk(api.ledger);
  const few = { before: Date.now() - DAY, most: 1_000 };
  const removed: number[] = [];
  for (let i = 0; i < 4; i++) removed.push(await walk.removeGone(5, few));
  assert.deepEqual(removed, [0, 800, 500, 0]);
  await redis.del(keys.job(row(3)));
  const next = [await walk.removeGone(5, few), await walk.removeGone(5, few)];
  assert.deepEqual(next, [0, 1], 'it goes on where it was, then from the beginning');
  assert.equal(await redis.zcard(list), 1_199);
  await redis.del(list);
});

const direct = async () =>
  (await api.call('POST /v1/batches', LINES, { 'content-type': 'application/jsonl' })).json;

test('an ended batch goes with its records and bytes; one that has not ended stays', async () => {
  const { redis, keys } = api.ledger;
  const { id } = await direct();
  const store = api.store();
  const writing = await store.create(`batches/${id}/segment-x`);
  await writing.write(Buffer.from('row'));
  await writing.commit();
  await store.close();
  const slot = slotOf(id);
  await redis.zadd(keys.expiries(slot), Date.now(), id);
  await redis.rpush(keys.extents(id), 'segment-x 0 3');
  assert.equal((await round(Date.now() + 1)).batches, 0);
  await redis.hset(keys.batch(id), 'status', 'completed');
  assert.equal((await round(Date.now() + 1)).batches, 0);
  assert.equal((await round(Date.now() + 3_600_000)).batches, 1);
  assert.equal((await api.call(`GET /v1/batches/${id}`)).status, 404);
  assert.ok(!api.stored().includes('segment-x'));
  assert.equal(await redis.exists(keys.extents(id)), 0);
  assert.equal(
    await redis.zscore(keys.list({ kind: 'batches', tenant: 'default' }, slot), id),
    null,
  );
  assert.equal(await redis.zscore(keys.expiries(slot), id), null);
});

test('a file sent with its batch is removed when that was not made, and kept when it was', async () => {
  const { redis, keys } = api.ledger;
  const { id, input_file_id: made } = await direct();
  const { id: lostBatch, input_file_id: lost } = await direct();
  // As if the API had ended between the two, long ago.
  await redis.del(keys.batch(lostBatch));
  await redis.hset(keys.file(lost), `used:${lostBatch}`, 0);
  const { files } = await round(Date.now() + 300_000);
  assert.equal(files, 1);
  assert.equal(await readFile(api.ledger, lost), null);
  assert.ok(!api.stored().includes(lost));
  const expiresAt = (await readFile(api.ledger, made))?.expiresAt;
  assert.equal(await redis.zscore(keys.expiries(slotOf(made)), made), String(expiresAt));
  await redis.hset(keys.batch(id), 'status', 'completed');
  await round(Date.now() + 31 * DAY);
  assert.equal(await readFile(api.ledger, made), null);
});

test('a file that came in slowly is kept while its batch is being made', async () => {
  const slow: FileRecord = {
    id: makeId('file', randomBytes(16)),
    tenant: 'default',
    bytes: 3_000_000_000,
    createdAt: Date.now() - 3_600_000,
    filename: 'slow.jsonl',
    purpose: 'batch',
    expiresAt: null,
    storeName: 'files/slow',
  };
  await keepForBatch({ ledger: api.ledger }, slow, Date.now());
  await round(Date.now() + 300_000);
  assert.notEqual(await readFile(api.ledger, slow.id), null);
  await round(Date.now() + 3_600_000);
  assert.equal(await readFile(api.ledger, slow.id), null);
});

test('the window of a batch in the body begins when all of it is here', async () => {
  const [half, rest] = [LINES.slice(0, 20), LINES.slice(20)];
  const asked = httpRequest(`${api.url}/v1/batches`, {
    method: 'POST',
    headers: { 'content-type': 'application/jsonl' },
  });
  const answered = once(asked, 'response');
  asked.write(half);
  await until('it is received', () => api.stored().some((name) => /^[0-9a-f-]{36}$/.test(name)));
  const whole = Date.now();
  asked.end(rest);
  const [response] = (await answered) as [IncomingMessage];
  const { id, input_file_id: fileId } = JSON.parse((await response.toArray()).join('')) as {
    id: string;
    input_file_id: string;
  };
  assert.ok(Number((await readBatch(api.ledger, id))?.createdAt) >= whole);
  assert.ok(Number((await readFile(api.ledger, fileId))?.createdAt) >= whole);
});

test('bytes that were written without coming to a record go after a day', async () => {
  const id = makeId('file', randomBytes(16));
  const upload = makeId('upload', randomBytes(16));
  const store = api.store();
  for (const [name, of] of [
    [`files/${id}`, id],
    [`uploads/${upload}/part_left`, upload],
  ] as const) {
    await noteBytes(api.ledger, of, Date.now());
    const writing = await store.create(name);
    await writing.write(Buffer.from('x'));
    await writing.commit();
  }
  await store.close();
  const { input_file_id: made } = await direct();
  await round(Date.now() + DAY / 2);
  assert.ok(api.stored().includes(id) && api.stored().includes('part_left'));
  await round(Date.now() + DAY + 1_000);
  const left = api.stored();
  assert.deepEqual([left.includes(id), left.includes('part_left')], [false, false]);
  assert.ok(left.includes(made));
});

test('one that cannot be read holds no other up', async () => {
  const { redis, keys } = api.ledger;
  const now = Date.now();
  const [bad, good] = [0, 1].map((i) => `file-5${i}${'0'.repeat(30)}`) as [string, string];
  await redis.zadd(keys.expiries(5), now - 2, bad, now - 1, good);
  await redis.set(keys.file(bad), 'no hash');
  await round(now);
  assert.equal(await redis.zscore(keys.expiries(5), good), null);
  assert.ok(Number(await redis.zscore(keys.expiries(5), bad)) > now, 'it is looked at later');
  await redis.del(keys.file(bad));
});

test('jobs out of attempts go after their retention, the oldest first', async () => {
  const queue = openQueue(QUEUES.dead, api.ledger.redis, { prefix: 'test', keep: 10 });
  const add = (id: string, timestamp: number) =>
    queue.add('timeout', { id }, { jobId: id, timestamp });
  const old = Date.now() - 8 * DAY;
  for (let i = 0; i < 3; i++) await add(`old-${i}`, old - i);
  await add('young', old + 1);
  assert.equal(await removeOldDead({ queues: { queue: () => queue } as never }, old), 3);
  assert.deepEqual(
    (await queue.getJobs(['waiting'])).map(({ id }) => id),
    ['young'],
  );
  await queue.close();
});
