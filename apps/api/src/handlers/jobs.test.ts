import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { endJob, connectRedis, readJob } from '@sluice/ledger';
import { openQueue, poolQueue } from '@sluice/queues';
import { until } from '@sluice/testing';
import { chat, endJobAs, startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

let api: TestApi;
let queue: Queue;
let redis: Redis;
before(async () => {
  api = await startTestApi();
  redis = connectRedis(api.redis.url, 'background');
  queue = openQueue(poolQueue('fast'), redis, { prefix: 'test', keep: 10 });
});
after(async () => {
  await queue.close();
  redis.disconnect();
  await api.stop();
});

const submit = async (change: object = {}): Promise<string> => {
  const answer = await api.call('POST /v1/jobs', { model: 'fast', body: chat(), ...change });
  assert.equal(answer.status, 202, answer.text);
  return answer.json.id;
};

test('a job is accepted, stored with its body, and put on its pool’s queue', async () => {
  const body = { ...chat('17 × 3?'), max_tokens: 7 };
  const asked = { model: 'fast', body, metadata: { run: '1' }, priority: 'interactive' };
  const { status, json, headers } = await api.call('POST /v1/jobs', asked);
  assert.equal(status, 202);
  assert.equal(headers.get('location'), `/v1/jobs/${json.id}`);
  const stored = await readJob(api.ledger, json.id);
  assert.deepEqual(JSON.parse(stored?.body ?? ''), body);
  assert.equal(stored?.shape.maxOutput, 7);
  assert.equal(stored?.tenant, 'default');
  assert.notEqual(stored?.formats, 0);
  assert.deepEqual((await api.call(`GET /v1/jobs/${json.id}`)).json, json);
  const entry = await until('its entry', () => queue.getJob(`${json.id}-0`));
  assert.deepEqual(entry.data, { id: json.id, epoch: 0 });
  assert.equal(entry.priority, 1);
});

test('an alias, a deployment and the model inside the body name who runs it', async () => {
  const named = async (id: string) => (await readJob(api.ledger, id))?.pool;
  assert.equal(await named(await submit({ model: 'gpt-4o-mini' })), 'fast');
  assert.equal(await named(await submit({ model: 'deployment/mini' })), 'deployment/mini');
  const body = { ...chat(), model: 'smart' };
  const inner = await api.call('POST /v1/jobs', { body });
  assert.equal(await named(inner.json.id), 'smart');
});

test('the same Idempotency-Key makes one job; with another body it is refused', async () => {
  const key = { 'idempotency-key': 'order-1' };
  const asked = { model: 'fast', body: chat('once') };
  const answers = await Promise.all([1, 2, 3].map(() => api.call('POST /v1/jobs', asked, key)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]));
  assert.equal(new Set(answers.map(({ json }) => json.id)).size, 1);
  const other = await api.call('POST /v1/jobs', { ...asked, body: chat('twice') }, key);
  assert.equal(other.status, 409);
  assert.equal(other.headers.get('x-should-retry'), 'false');
  assert.equal(other.json.error.code, 'idempotency_conflict');
});

test('waiting ends with the job, or with the time', async () => {
  const id = await submit();
  const early = await api.call(`GET /v1/jobs/${id}?wait_ms=30`);
  assert.equal(early.json.status, 'queued');
  const waiting = api.call(`GET /v1/jobs/${id}?wait_ms=20000`);
  await endJobAs(api.ledger, id, {
    status: 'succeeded',
    result_status: 200,
    result_body: '{"a":1}',
  });
  const { json } = await waiting;
  assert.equal(json.status, 'succeeded');
  assert.deepEqual(json.result, { status_code: 200, body: { a: 1 } });
  assert.equal((await api.call(`GET /v1/jobs/${id}?wait_ms=60001`)).json.error.param, 'wait_ms');
});

test('a queued job says which limit of its tenant it waits for, until it has a place', async () => {
  const { redis: store, keys } = api.ledger;
  const id = await submit();
  await store.set(
    keys.atLimit,
    JSON.stringify([{ tenant: 'default', limit: 'tpm', allowed: 9_000 }]),
  );
  const { waiting } = await until('it is told', async () => {
    const { json } = await api.call(`GET /v1/jobs/${id}`);
    return json.waiting ? json : null;
  });
  const reason = 'tenant default is at its own limit tpm: allowed 9000 tokens per minute';
  assert.deepEqual(waiting, { reason, deployments: [] });
  await store.hset(keys.job(id), 'deployment', 'mini');
  assert.equal((await api.call(`GET /v1/jobs/${id}`)).json.waiting, undefined);
  await store.hset(keys.job(id), 'deployment', '');
  await store.del(keys.atLimit);
  await until('nothing is in its way', async () => {
    const { json } = await api.call(`GET /v1/jobs/${id}`);
    return json.waiting === undefined;
  });
});

test('a job is cancelled once; an ended one is deleted, an open one not', async () => {
  const id = await submit();
  assert.equal((await api.call(`DELETE /v1/jobs/${id}`)).status, 409);
  const cancelled = await api.call(`POST /v1/jobs/${id}/cancel`);
  assert.equal(cancelled.json.status, 'cancelled');
  const again = await api.call(`POST /v1/jobs/${id}/cancel`);
  assert.deepEqual([again.status, again.json.error.code], [409, 'wrong_state']);
  assert.equal(again.headers.get('x-should-retry'), 'false');
  assert.match(again.json.error.message, /cancelled/);
  const done = await submit();
  await endJobAs(api.ledger, done, { status: 'succeeded' });
  const late = await api.call(`POST /v1/jobs/${done}/cancel`, '{}');
  assert.equal(late.status, 409);
  assert.equal(late.headers.get('x-should-retry'), 'false');
  assert.equal((await api.call(`DELETE /v1/jobs/${id}`)).json.deleted, true);
  assert.equal((await api.call(`GET /v1/jobs/${id}`)).status, 404);
});

test('a last tier that the pool does not have is refused with how many it has', async () => {
  const refused = async (change: object): Promise<string> => {
    const { status, json } = await api.call('POST /v1/jobs', { body: chat(), ...change });
    assert.deepEqual(
      [status, json.error.code, json.error.param],
      [400, 'invalid_value', 'max_tier'],
    );
    return json.error.message;
  };
  const max = { max_tier: 3 };
  assert.match(await refused({ model: 'fast', ...max }), /found 3; allowed: 1 to 2; fast has 2 t/);
  assert.match(await refused({ model: 'gpt-4o-mini', ...max }), /fast has 2 tiers/);
  assert.match(await refused({ model: 'smart', max_tier: 2 }), /allowed: 1; smart has one tier/);
  assert.match(
    await refused({ model: 'deployment/mini', ...max }),
    /deployment\/mini has one tier/,
  );
  const id = await submit({ max_tier: 2 });
  // A config with fewer tiers came between.
  await redis.hset(api.ledger.keys.job(id), 'max_tier', 7);
  await endJobAs(api.ledger, id, { status: 'failed' });
  assert.equal((await api.call(`POST /v1/jobs/${id}/retry`)).status, 202);
});

test('only a failed job is retried, as a new one', async () => {
  const id = await submit({ metadata: { k: 'v' } });
  const refused = await api.call(`POST /v1/jobs/${id}/retry`);
  assert.equal(refused.status, 409);
  assert.equal(refused.headers.get('x-should-retry'), 'false');
  await endJobAs(api.ledger, id, { status: 'failed' });
  const { status, json } = await api.call(`POST /v1/jobs/${id}/retry`);
  assert.equal(status, 202);
  assert.equal(json.retry_of, id);
  assert.deepEqual(json.metadata, { k: 'v' });
  const [old, fresh] = [await readJob(api.ledger, id), await readJob(api.ledger, json.id)];
  assert.equal(fresh?.body, old?.body);
});

test('what retries or cancels a job passes over no field that it does not know', async () => {
  const id = await submit({});
  const call = (what: string, body?: unknown) => api.call(`POST /v1/jobs/${id}/${what}`, body);
  for (const what of ['cancel', 'retry']) {
    const { status, json } = await call(what, { model: 'smart' });
    assert.deepEqual([status, json.error.code], [400, 'unknown_parameter'], what);
    assert.match(json.error.message, /'model'. Known here: none\.$/);
    assert.equal((await call(what, '[]')).status, 400, what);
  }
  assert.equal((await readJob(api.ledger, id))?.status, 'queued');
  assert.equal((await call('cancel', {})).status, 200);
});

test('a retry that is sent again without a key is the same job, until that one has failed too', async () => {
  const id = await submit({});
  await endJobAs(api.ledger, id, { status: 'failed' });
  const retry = (of: string) => api.call(`POST /v1/jobs/${of}/retry`);
  const both = await Promise.all([retry(id), retry(id)]);
  const again = await retry(id);
  const made = again.json.id as string;
  for (const { status, json } of [...both, again])
    assert.deepEqual([status, json.id, json.retry_of], [202, made, id]);
  assert.equal(again.headers.get('idempotent-replayed'), 'true');
  assert.equal(again.headers.get('location'), `/v1/jobs/${made}`);
  await api.call(`POST /v1/jobs/${made}/cancel`);
  const next = (await retry(id)).json.id as string;
  assert.notEqual(next, made);
  await endJobAs(api.ledger, next, { status: 'failed' });
  const refused = await retry(id);
  assert.deepEqual([refused.status, refused.headers.get('x-should-retry')], [409, 'false']);
  assert.match(refused.json.error.message, new RegExp(`retried already, as ${next}, which failed`));
  assert.equal((await retry(next)).json.retry_of, next);
});

test('a cancel whose answer was lost and that is sent again to Redis is no conflict', async () => {
  const id = await submit({});
  const end = {
    status: 'cancelled' as const,
    now: Date.now(),
    message: 'm',
    eventId: 'evt_a',
    keepSeconds: 60,
  };
  assert.equal(await endJob(api.ledger, id, end), 'ended');
  assert.equal(await endJob(api.ledger, id, end), 'ended');
  assert.equal(await endJob(api.ledger, id, { ...end, eventId: 'evt_b' }), 'had_ended');
});

test('lists page newest first and filter by status, model and metadata', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 5; i += 1)
    ids.unshift(await submit({ metadata: { set: 'paging', i: `${i}` } }));
  await endJobAs(api.ledger, ids[2] as string, { status: 'failed' });
  const query = 'metadata[set]=paging';
  const first = (await api.call(`GET /v1/jobs?${query}&limit=3`)).json;
  const second = (await api.call(`GET /v1/jobs?${query}&limit=3&after=${first.last_id}`)).json;
  const found = [...first.data, ...second.data].map(({ id }: { id: string }) => id);
  assert.deepEqual(found, ids);
  assert.deepEqual([first.has_more, second.has_more], [true, false]);
  const failed = (await api.call(`GET /v1/jobs?${query}&status=failed&model=fast`)).json;
  assert.deepEqual(
    failed.data.map(({ id }: { id: string }) => id),
    [ids[2]],
  );
  for (const bad of ['limit=0', 'limit=x', 'after=job_1', 'status=done', 'stat=failed']) {
    assert.equal((await api.call(`GET /v1/jobs?${bad}`)).status, 400, bad);
  }
});

test('what is asked to be done to a line is told that it is done to its batch', async () => {
  const batch = `batch_${'0'.repeat(32)}`;
  for (const what of ['POST /retry', 'POST /cancel', 'DELETE ', 'GET /events']) {
    const { status, json } = await api.call(what.replace(' ', ` /v1/jobs/${batch}.1`));
    assert.deepEqual([status, json.error.code], [404, 'not_found'], what);
    assert.match(json.error.message, new RegExp(`retried .*POST /v1/batches/${batch}/retry`), what);
  }
});

test('unknown ids are 404, also malformed ones', async () => {
  const unknown = `job_${'0'.repeat(32)}`;
  for (const id of [
    unknown,
    'job_1',
    'x',
    'batch_1.1',
    `batch_${'0'.repeat(32)}.3`,
    '%00',
    '..%2f',
  ]) {
    for (const line of [
      `GET /v1/jobs/${id}`,
      `POST /v1/jobs/${id}/cancel`,
      `DELETE /v1/jobs/${id}`,
    ]) {
      const { status, json } = await api.call(line);
      assert.equal(status, 404, line);
      assert.equal(json.error.code, 'not_found', line);
    }
  }
});

test('events tell the present state, each change, and end with the job', async () => {
  const id = await submit();
  const response = await fetch(`${api.url}/v1/jobs/${id}/events`);
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/);
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk);
    if (text.includes('job.running')) {
      await endJobAs(api.ledger, id, { status: 'succeeded' });
    } else if (text.includes('job.queued')) {
      await endJobAs(api.ledger, id, { status: 'running' });
    }
  }
  const names = [...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name);
  assert.deepEqual(names, ['job.queued', 'job.running', 'job.succeeded']);
  const last = JSON.parse(text.split('data: ').at(-1) as string);
  assert.equal(last.id, id);
});
