/** Every POST that makes something takes an Idempotency-Key: once per key and body, also when two race; another body is refused. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { QUEUES, openQueue } from '@sluice/queues';
import { chatLine } from '@sluice/testing';
import { answerOnce } from './answer-once.ts';
import type { Api } from './api.ts';
import type { ApiRequest } from './http/message.ts';
import { idempotencyOf } from './idempotency.ts';
import { ROUTES } from './routes.ts';
import { chat, endJobAs, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

let api: TestApi;
before(async () => {
  api = await startTestApi();
});
after(() => api.stop());

const line = (text: string): string => `${chatLine('a', { model: 'fast', ...chat(text) })}\n`;
const job = { model: 'fast', body: chat() };

const made = async (path: string, body: object) => (await api.call(`POST ${path}`, body)).json;

/** A form with a file of this text. */
const form = (field: string, text: string): FormData => {
  const data = new FormData();
  data.append(field, new Blob([text]), 'a.jsonl');
  if (field === 'file') data.append('purpose', 'batch');
  return data;
};

async function failedJob(): Promise<string> {
  const { id } = await made('/v1/jobs', job);
  await endJobAs(api.ledger, id, { status: 'failed' });
  return id;
}

async function uploadedFile(): Promise<string> {
  const sent = await fetch(`${api.url}/v1/files`, {
    method: 'POST',
    body: form('file', line('f')),
  });
  return ((await sent.json()) as { id: string }).id;
}

async function endedBatch(): Promise<string> {
  const input_file_id = await uploadedFile();
  const body = { input_file_id, endpoint: '/v1/chat/completions', completion_window: '24h' };
  const { id } = await made('/v1/batches', body);
  await api.ledger.redis.hset(api.ledger.keys.batch(id), { status: 'expired', total: 1 });
  return id;
}

async function deadJob(): Promise<string> {
  const id = await failedJob();
  const queue = openQueue(QUEUES.dead, api.ledger.redis, { prefix: 'test', keep: 10 });
  await queue.add('timeout', { id, code: 'timeout', pool: 'fast' }, { jobId: id });
  await queue.close();
  return id;
}

interface Case {
  route: string;
  /** A path and two bodies for it. */
  prepare: () => Promise<[path: string, body: unknown, other: unknown]>;
}

const upload = { filename: 'a.jsonl', purpose: 'batch', bytes: 9, mime_type: 'text/plain' };
const BATCH = { endpoint: '/v1/chat/completions', completion_window: '24h' };
const hook = { name: 'a', url: 'https://hooks.invalid/', event_types: ['job.failed'] };
const CASES: Case[] = [
  { route: '/v1/jobs', prepare: async () => ['/v1/jobs', job, { ...job, priority: 'low' }] },
  {
    route: '/v1/jobs/:id/retry',
    prepare: async () => [`/v1/jobs/${await failedJob()}/retry`, {}, { a: 1 }],
  },
  {
    route: '/v1/files',
    prepare: async () => ['/v1/files', form('file', line('a')), form('file', line('b'))],
  },
  {
    route: '/v1/uploads',
    prepare: async () => ['/v1/uploads', upload, { ...upload, bytes: 8 }],
  },
  {
    route: '/v1/uploads/:id/parts',
    prepare: async () => {
      const { id } = await made('/v1/uploads', upload);
      return [`/v1/uploads/${id}/parts`, form('data', 'one'), form('data', 'two')];
    },
  },
  {
    route: '/v1/batches',
    prepare: async () => {
      const body = { ...BATCH, input_file_id: await uploadedFile() };
      return ['/v1/batches', body, { ...body, completion_window: '1h' }];
    },
  },
  {
    route: '/v1/batches',
    prepare: async () => ['/v1/batches', line('direct'), line('other')],
  },
  {
    route: '/v1/batches/:id/retry',
    prepare: async () => [`/v1/batches/${await endedBatch()}/retry`, {}, { a: 1 }],
  },
  {
    route: '/v1/webhook_endpoints',
    prepare: async () => ['/v1/webhook_endpoints', hook, { ...hook, name: 'other' }],
  },
  {
    route: '/admin/dead/replay',
    prepare: async () => {
      const [first, second] = [await deadJob(), await deadJob()];
      return ['/admin/dead/replay', { ids: [first] }, { ids: [second] }];
    },
  },
];

async function post(path: string, body: unknown, key: string) {
  const isForm = body instanceof FormData;
  const type = typeof body === 'string' ? 'application/jsonl' : 'application/json';
  const response = await fetch(api.url + path, {
    method: 'POST',
    headers: { 'idempotency-key': key, ...(isForm ? {} : { 'content-type': type }) },
    body: isForm || typeof body === 'string' ? (body as string) : JSON.stringify(body),
  });
  const { id, replayed } = (await response.json()) as { id?: string; replayed?: object[] };
  return { status: response.status, headers: response.headers, made: id ?? replayed };
}

let keys = 0;
for (const { route, prepare } of CASES) {
  test(`POST ${route} makes one thing per key, also in a race, and refuses another body`, async () => {
    const key = `key-${keys++}`;
    const [path, body, other] = await prepare();
    const racing = await Promise.all([post(path, body, key), post(path, body, key)]);
    const winners = racing.filter(({ status }) => status < 300);
    assert.ok(winners.length > 0, JSON.stringify(racing.map(({ status }) => status)));
    for (const { status, headers } of racing)
      if (status >= 300) assert.deepEqual([status, headers.get('retry-after')], [409, '1']);
    const again = await post(path, body, key);
    assert.equal(again.headers.get('idempotent-replayed'), 'true');
    for (const one of [...winners, again]) assert.deepEqual(one.made, winners[0]?.made);
    assert.ok(Array.isArray(again.made) ? again.made.length === 1 : again.made);
    const conflict = await post(path, other, key);
    assert.equal(conflict.status, 409);
    assert.equal(conflict.headers.get('x-should-retry'), 'false');
  });
}

test('every route that makes something is among these, or a call that is waited for', () => {
  const creating = ROUTES.filter(({ creates, returns }) => creates && returns !== 'ProviderAnswer');
  assert.deepEqual(
    creating.map(({ path }) => path).toSorted(),
    [...new Set(CASES.map(({ route }) => route))].toSorted(),
  );
});

test('what failed is not remembered', async () => {
  const { id } = await made('/v1/uploads', upload);
  const path = `/v1/uploads/${id}/parts`;
  const { redis, keys: names } = api.ledger;
  await redis.hset(names.upload(id), 'status', 'cancelled');
  assert.equal((await post(path, form('data', 'one'), 'failed')).status, 409);
  await redis.hset(names.upload(id), 'status', 'pending');
  assert.equal((await post(path, form('data', 'one'), 'failed')).status, 200);
});

test('a request whose claim of its key was answered, and the answer lost, goes on', async () => {
  const request = {
    id: 'req_a',
    method: 'POST',
    path: '/x',
    headers: { 'idempotency-key': 'claimed' },
    caller: { id: 'default', pools: null },
    marks: {},
  } as unknown as ApiRequest;
  const ports = { ledger: api.ledger, settings: api.settings } as unknown as Api;
  const key = idempotencyOf(request, { content: '', keepMs: 1 });
  assert.ok(key);
  // As Redis has it when the client sends the claim again.
  const claim = `${key.requestHash} ${request.id}`;
  await api.ledger.redis.set(api.ledger.keys.idempotency(key.slot, key.key), claim);
  const first = await answerOnce(ports, request, '', async () => ({ made: 1 }));
  assert.deepEqual(first, { status: 200, text: '{"made":1}' });
  const again = await answerOnce(ports, { ...request, id: 'req_b' }, '', async () => ({ made: 2 }));
  assert.deepEqual(again, { status: 200, text: '{"made":1}' });
});
