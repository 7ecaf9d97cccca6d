import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { chat, endJobAs, startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';
import { makeHttpServer } from './http-server.ts';

let api: TestApi;
before(async () => {
  api = await startTestApi();
});
after(() => api.stop());

/** All that comes back until the connection is closed. */
async function send(...parts: string[]): Promise<string> {
  const socket = connect(api.port, '127.0.0.1');
  for (const part of parts) socket.write(part);
  return text(socket);
}

function assertRefused(answer: string, status: number, code: string): void {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  assert.match(head, new RegExp(`^HTTP/1\\.1 ${status} \\S`), code);
  assert.match(head, /\r\nx-request-id: req_\w+/);
  assert.match(head, /\r\nx-content-type-options: nosniff/);
  assert.match(head, /\r\ncontent-security-policy: default-src 'none'/);
  assert.match(head, /\r\ncontent-type: application\/json/);
  assert.match(head, /\r\nconnection: close/i);
  assert.match(head, new RegExp(`\r\ncontent-length: ${Buffer.byteLength(body)}(\r|$)`));
  const { error } = JSON.parse(body);
  assert.deepEqual(Object.keys(error), ['message', 'type', 'param', 'code']);
  assert.equal(error.code, code);
}

const CHUNKED = 'POST /v1/jobs HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n';
const JSON_TYPE = 'content-type: application/json\r\n\r\n';

test('what is no request is answered in the envelope, with an id, and its connection closed', async () => {
  const both = 'content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n';
  for (const broken of [
    'garbage\r\n\r\n',
    'GET /healthz HTTP/2.9\r\n\r\n',
    `POST /v1/jobs HTTP/1.1\r\nhost: 127.0.0.1\r\n${both}`,
    `${CHUNKED}${JSON_TYPE}zz\r\n`,
    'GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n',
  ])
    assertRefused(await send(broken), 400, 'malformed_request');
});

test('a target, hosts or codings that mean nothing, or two things, are refused', async () => {
  const host = 'host: 127.0.0.1\r\n';
  for (const broken of [
    `GET http://[::1 HTTP/1.1\r\n${host}\r\n`,
    `GET /healthz HTTP/1.1\r\n${host}${host}\r\n`,
    `GET /healthz HTTP/1.0\r\n${host}HOST: b\r\n\r\n`,
  ])
    assertRefused(await send(broken), 400, 'malformed_request');
  const order = JSON.stringify({ model: 'fast', body: chat() });
  const chunk = `${order.length.toString(16)}\r\n${order}\r\n0\r\n\r\n`;
  for (const coding of ['gzip, chunked', 'x, chunked']) {
    const head = `POST /v1/jobs HTTP/1.1\r\n${host}transfer-encoding: ${coding}\r\n`;
    assertRefused(await send(head + JSON_TYPE + chunk), 501, 'unsupported_transfer_coding');
  }
  const keys = 'idempotency-key: a\r\nIdempotency-Key: a\r\n';
  assertRefused(await send(`${CHUNKED}${keys}${JSON_TYPE}${chunk}`), 400, 'invalid_value');
  const whole = `GET http://127.0.0.1/healthz HTTP/1.1\r\n${host}connection: close\r\n\r\n`;
  assert.match(await send(whole), /^HTTP\/1\.1 200 /);
  const sent = `${CHUNKED.replace('chunked', 'Chunked')}connection: close\r\n${JSON_TYPE}${chunk}`;
  assert.match(await send(sent), /^HTTP\/1\.1 202 /);
});

test('CONNECT is refused in the envelope: this is no proxy', async () => {
  const whole = 'GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n';
  const connecting = 'CONNECT a.example:443 HTTP/1.1\r\nhost: a.example:443\r\n\r\n';
  const answer = await send(whole, connecting, 'what would go through it');
  assert.match(answer, /^HTTP\/1\.1 200 /, 'what came before it is answered first');
  const refused = answer.slice(answer.lastIndexOf('HTTP/1.1 '));
  assertRefused(refused, 405, 'method_not_allowed');
  assert.match(refused, /CONNECT is not allowed for a\.example:443/);
  assert.match(refused, /\r\nallow: GET, /);
});

test('headers that are too large are 431, also where the client has more to send', async () => {
  const large = `GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\na: ${'a'.repeat(2_000_000)}\r\n\r\n`;
  const answer = await send(large);
  assertRefused(answer, 431, 'headers_too_large');
  assert.match(answer, /larger than 16384 bytes/);
  assert.match(answer, /\r\nx-should-retry: false/);
});

test('headers that do not come are 408 within about a second of the limit', async () => {
  const server = makeHttpServer((_, response) => response.end('all'), 1_000);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    for (const begun of ['GET / HTTP/1.1\r\nhost: a\r\n', 'GET / HTTP/1.1\r\nhost: a\r\n\r\nGET']) {
      const began = performance.now();
      const socket = connect(port, '127.0.0.1');
      socket.write(begun);
      const answer = await text(socket);
      const ms = performance.now() - began;
      assertRefused(answer.slice(answer.lastIndexOf('HTTP/1.1 408')), 408, 'request_timeout');
      assert.equal(answer.includes('\r\n\r\nall'), begun.endsWith('GET'));
      assert.ok(ms > 900 && ms < 5_000, `after ${ms} ms`);
    }
  } finally {
    server.close();
  }
});

test('what came whole before it is answered first', async () => {
  const { json } = await api.call('POST /v1/jobs', { model: 'fast', body: chat() });
  const poll = `GET /v1/jobs/${json.id}?wait_ms=30000 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`;
  const answered = send(
    poll,
    'GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n',
    'garbage\r\n\r\n',
  );
  await api.call('GET /healthz');
  await endJobAs(api.ledger, json.id, {
    status: 'succeeded',
    result_status: 200,
    result_body: '7',
  });
  const answer = await answered;
  const last = answer.lastIndexOf('HTTP/1.1 ');
  assert.deepEqual(
    [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
    ['200', '200', '400'],
  );
  assert.match(answer, /"status":"succeeded"/);
  assertRefused(answer.slice(last), 400, 'malformed_request');
});
