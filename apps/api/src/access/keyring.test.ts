import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chat, startTestApi } from '../test-api.ts';
import { findOrphans } from '../tell-orphans.ts';
import type { TestApi } from '../test-api.ts';

const TENANTS = `
tenants:
  one: { api_keys: [key-one, key-one-b], pools: [fast] }
  two: { api_keys: [key-two] }
`;

const TWO = ['one', 'two'].map((id) => ({ id, keyHashes: [], weight: 1, pools: null, limits: {} }));

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const basic = (key: string) => ({
  authorization: `Basic ${Buffer.from(`someone:${key}`).toString('base64')}`,
});

let closed: TestApi;
let api: TestApi;
let open: TestApi;
before(async () => {
  [open, closed, api] = await Promise.all([
    startTestApi(),
    startTestApi({ config: TENANTS }),
    startTestApi({ config: `${TENANTS}admin: { api_keys: [key-admin] }\n` }),
  ]);
});
after(() => Promise.all([open.stop(), closed.stop(), api.stop()]));

test('keys are taken as Bearer and as x-api-key; none or a wrong one is 401', async () => {
  for (const headers of [bearer('key-one'), bearer('key-one-b'), { 'x-api-key': 'key-two' }]) {
    assert.equal((await api.call('GET /v1/models', undefined, headers)).status, 200);
  }
  for (const headers of [{}, bearer('key-three'), bearer(''), basic('key-one')]) {
    const {
      status,
      json,
      headers: answered,
    } = await api.call('GET /v1/models', undefined, headers);
    assert.equal(status, 401);
    assert.equal(json.error.code, 'invalid_api_key');
    assert.equal(answered.get('x-should-retry'), 'false');
    assert.equal(JSON.stringify(json).includes('key-three'), false);
  }
});

test('a tenant names only its pools', async () => {
  const names = async (key: string) =>
    (await api.call('GET /v1/models', undefined, bearer(key))).json.data.map(
      ({ id }: { id: string }) => id,
    );
  assert.deepEqual(await names('key-one'), ['fast', 'gpt-4o-mini']);
  assert.deepEqual(await names('key-two'), ['fast', 'gpt-4o-mini', 'smart']);
  const refused = await api.call(
    'POST /v1/jobs',
    { model: 'smart', body: chat() },
    bearer('key-one'),
  );
  assert.equal(refused.status, 404);
  assert.match(refused.json.error.message, /There are: fast, gpt-4o-mini\.$/);
  const direct = { model: 'deployment/haiku', body: chat() };
  assert.equal((await api.call('POST /v1/jobs', direct, bearer('key-one'))).status, 202);
});

test('another tenant’s objects do not exist', async () => {
  const one = bearer('key-one');
  const two = bearer('key-two');
  const job = (await api.call('POST /v1/jobs', { model: 'fast', body: chat() }, one)).json.id;
  const lines = '{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"fast"}}\n';
  const type = { 'content-type': 'application/jsonl' };
  const batch = (await api.call('POST /v1/batches', lines, { ...one, ...type })).json;
  const upload = await api.call(
    'POST /v1/uploads',
    { filename: 'a.jsonl', purpose: 'batch', bytes: 1, mime_type: 'text/plain' },
    one,
  );
  for (const line of [
    `GET /v1/jobs/${job}`,
    `DELETE /v1/jobs/${job}`,
    `POST /v1/jobs/${job}/cancel`,
    `GET /v1/jobs/${job}/events`,
    `GET /v1/jobs/${batch.id}.1`,
    `GET /v1/batches/${batch.id}`,
    `GET /v1/batches/${batch.id}/results`,
    `POST /v1/batches/${batch.id}/cancel`,
    `GET /v1/files/${batch.input_file_id}`,
    `GET /v1/files/${batch.input_file_id}/content`,
    `DELETE /v1/files/${batch.input_file_id}`,
    `POST /v1/uploads/${upload.json.id}/cancel`,
  ]) {
    assert.equal((await api.call(line, undefined, two)).status, 404, line);
  }
  for (const list of ['jobs', 'batches', 'files']) {
    assert.deepEqual((await api.call(`GET /v1/${list}`, undefined, two)).json.data, [], list);
    assert.notDeepEqual((await api.call(`GET /v1/${list}`, undefined, one)).json.data, [], list);
  }
  const order = {
    input_file_id: batch.input_file_id,
    endpoint: '/v1/responses',
    completion_window: '24h',
  };
  const stolen = await api.call('POST /v1/batches', order, two);
  assert.deepEqual([stolen.status, stolen.json.error.param], [400, 'input_file_id']);
});

const sendKeyed = (key: string) => {
  const headers = { ...bearer(key), 'idempotency-key': 'k' };
  return api.call('POST /v1/jobs', { model: 'fast', body: chat() }, headers);
};

test('tenants have idempotency keys of their own', async () => {
  const [one, two] = await Promise.all([sendKeyed('key-one'), sendKeyed('key-two')]);
  assert.notEqual(one.json.id, two.json.id);
});

test('the admin’s pages want the admin’s key, also as a Basic password', async () => {
  for (const path of ['/admin/pools', '/admin/queues', '/metrics']) {
    for (const headers of [basic('key-admin'), bearer('key-admin')]) {
      assert.equal((await api.call(`GET ${path}`, undefined, headers)).status, 200, path);
    }
    for (const headers of [{}, bearer('key-three'), basic('key-one')]) {
      const { status, headers: answered } = await api.call(`GET ${path}`, undefined, headers);
      assert.equal(status, 401, path);
      assert.match(answered.get('www-authenticate') ?? '', /^Basic /);
    }
  }
});

test('a key of the other kind is told which is needed', async () => {
  const secret = 'GET /v1/webhook_secret';
  for (const line of ['GET /admin/pools', 'GET /metrics', 'GET /admin/queues', secret]) {
    const { status, json } = await api.call(line, undefined, bearer('key-one'));
    assert.deepEqual([status, json.error.code], [403, 'admin_key_needed'], line);
    assert.match(json.error.message, /admin\.api_keys/);
  }
  const order = { model: 'fast', body: chat() };
  for (const line of ['POST /v1/jobs', 'POST /v1/batches', 'POST /v1/chat/completions']) {
    const { status, json } = await api.call(line, order, bearer('key-admin'));
    assert.deepEqual([status, json.error.code], [403, 'tenant_key_needed'], line);
  }
});

test('the admin key reads, cancels and deletes what is any tenant’s, also what was there before tenants', async () => {
  const one = bearer('key-one');
  const admin = bearer('key-admin');
  const { id } = (await api.call('POST /v1/jobs', { model: 'fast', body: chat() }, one)).json;
  const lines = '{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"fast"}}\n';
  const type = { 'content-type': 'application/jsonl' };
  const batch = (await api.call('POST /v1/batches', lines, { ...one, ...type })).json;
  const { redis, keys } = api.ledger;
  await redis.hset(keys.job(id), 'tenant', 'default');
  await redis.hset(keys.batch(batch.id), 'tenant', 'default');
  assert.equal((await api.call(`GET /v1/jobs/${id}`, undefined, one)).status, 404);
  const at = (line: string) => api.call(line, undefined, admin);
  assert.equal((await at(`GET /v1/jobs/${id}`)).status, 200);
  const listed = (await at('GET /v1/jobs')).json.data.map((job: { id: string }) => job.id);
  assert.equal(listed.includes(id), true);
  assert.deepEqual(await findOrphans({ ledger: api.ledger, tenants: TWO }), [batch.id]);
  assert.deepEqual(await findOrphans({ ledger: api.ledger, tenants: [] }), []);
  assert.equal((await at(`POST /v1/jobs/${id}/cancel`)).json.status, 'cancelled');
  assert.equal((await at(`DELETE /v1/jobs/${id}`)).status, 200);
  assert.equal((await at(`GET /v1/files/${batch.input_file_id}/content`)).text, lines);
  assert.equal((await at(`POST /v1/batches/${batch.id}/cancel`)).json.status, 'cancelling');
});

test('with tenants and without an admin key the admin’s pages are closed', async () => {
  for (const path of ['/admin/pools', '/admin/queues', '/admin/queues/api/queues', '/metrics']) {
    for (const headers of [{}, bearer('key-one')]) {
      const { status, json } = await closed.call(`GET ${path}`, undefined, headers);
      assert.deepEqual([status, json.error.code], [403, 'admin_closed'], path);
    }
  }
  assert.equal((await closed.call('GET /healthz')).status, 200);
});

test('without tenants anyone on this machine may call, but no page of another site', async () => {
  assert.equal((await open.call('GET /v1/models', undefined, bearer('whatever'))).status, 200);
  assert.equal((await open.call('GET /admin/pools')).status, 200);
  for (const line of ['GET /v1/models', 'GET /admin/pools', 'GET /admin/queues']) {
    const { status, json } = await open.call(line, undefined, { 'sec-fetch-site': 'cross-site' });
    assert.deepEqual([status, json.error.code], [403, 'forbidden_origin'], line);
  }
});
