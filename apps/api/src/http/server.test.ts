import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { chat, startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

let api: TestApi;
before(async () => {
  api = await startTestApi({ config: 'server: { max_body_bytes: 100000 }\n' });
});
after(() => api.stop());

test('an unknown path is unknown_url, another method 405 with those allowed', async () => {
  for (const line of [
    'GET /v1',
    'GET /v2/jobs',
    'POST /v1/nothing',
    'GET /v1/jobs/a/b/c',
    'PATCH /x',
  ]) {
    const { status, json } = await api.call(line);
    assert.deepEqual([status, json.error.code], [404, 'unknown_url'], line);
    assert.match(json.error.message, new RegExp(line.replace('/', '\\/')));
  }
  const { json } = await api.call('GET /batches');
  assert.match(json.error.message, /There is \/v1\/batches: a client’s base URL ends with \/v1\./);
  const { status, headers } = await api.call('PUT /v1/jobs', '{}');
  assert.equal(status, 405);
  assert.equal(headers.get('allow'), 'POST, GET, HEAD, OPTIONS');
  assert.equal((await api.call('OPTIONS /v1/jobs')).status, 204);
});

test('a query parameter that does nothing is refused', async () => {
  const { status, json } = await api.call('POST /v1/jobs?wait_ms=10', {
    model: 'fast',
    body: chat(),
  });
  assert.equal(status, 400);
  assert.match(json.error.message, /wait_ms/);
});

test('every answer has a request id and the headers that keep browsers from guessing', async () => {
  const ids = new Set<string>();
  for (const line of [
    'GET /healthz',
    'GET /nope',
    'GET /v1/jobs/x',
    'OPTIONS /v1/jobs',
    'GET /docs',
  ]) {
    const { headers } = await api.call(line);
    ids.add(headers.get('x-request-id') ?? '');
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.match(headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/);
    assert.equal(headers.get('x-powered-by'), null);
  }
  assert.equal(ids.size, 5);
});

test('HEAD answers as GET without a body, also where GET would stream', async () => {
  const { json } = await api.call('POST /v1/jobs', { model: 'fast', body: chat() });
  for (const path of [
    '/healthz',
    '/v1/jobs',
    `/v1/jobs/${json.id}`,
    `/v1/jobs/${json.id}/events`,
  ]) {
    const { status, text } = await api.call(`HEAD ${path}`);
    assert.deepEqual([status, text], [200, ''], path);
  }
});

test('a body over the limit is 413, one that is no UTF-8 is 400', async () => {
  const big = await api.call('POST /v1/jobs', { model: 'fast', body: chat('x'.repeat(100_000)) });
  assert.deepEqual([big.status, big.json.error.code], [413, 'too_large']);
  assert.match(big.json.error.message, /100000 bytes, `server\.max_body_bytes` of the config/);
  const latin = await fetch(`${api.url}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{"model":"é"}', 'latin1'),
  });
  assert.equal(latin.status, 400);
  assert.match(await latin.text(), /not UTF-8/);
});

test('a malformed path or compression is the client’s mistake', async () => {
  for (const path of ['%E0%A4%A', '%zz']) {
    const { status, json } = await api.call(`GET /v1/jobs/${path}`);
    assert.deepEqual([status, json.error.code, json.error.param], [400, 'invalid_value', 'path']);
    assert.match(json.error.message, /percent-encoding/);
  }
  for (const coding of ['gzip', 'deflate', 'br']) {
    const { status, json } = await api.call('POST /v1/jobs', '{}', { 'content-encoding': coding });
    assert.deepEqual([status, json.error.code], [400, 'unreadable_body'], coding);
    assert.match(json.error.message, /cannot be decompressed/, coding);
  }
  const unknown = await api.call('POST /v1/jobs', '{}', { 'content-encoding': 'x' });
  assert.equal(unknown.status, 415);
});

test('a host that is not this machine is refused while anyone may call', async () => {
  const status = await new Promise<number>((resolve, reject) => {
    const sent = request(`${api.url}/v1/models`, { headers: { host: 'rebound.example:80' } });
    sent.once('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.once('error', reject).end();
  });
  assert.equal(status, 403);
});

test('an expectation nobody knows changes nothing', async () => {
  const status = await new Promise<number>((resolve, reject) => {
    const sent = request(`${api.url}/v1/models`, { headers: { expect: 'the unexpected' } });
    sent.once('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.once('error', reject).end();
  });
  assert.equal(status, 200);
});
