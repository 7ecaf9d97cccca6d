import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as send } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { until } from '@sluice/testing';
import { chat, endJobAs, startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';
import { endStalledBodies } from './stalled-bodies.ts';

const IDLE_MS = 1_000;

let api: TestApi;
before(async () => {
  api = await startTestApi({ config: `server: { body_idle_ms: ${IDLE_MS} }\n` });
});
after(() => api.stop());

const longerThanThat = (): Promise<unknown> => {
  const end = performance.now() + 2.5 * IDLE_MS;
  return until('the limit is long over', () => performance.now() > end);
};

/** Sends this much of a request and no more; what comes back until the connection is closed. */
async function stall(head: string, begun: string): Promise<string> {
  const socket = connect(api.port, '127.0.0.1');
  socket.write(`${head}\r\nhost: 127.0.0.1\r\n\r\n${begun}`);
  return text(socket);
}

const FORM = '--x\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n{"a';

test('a body that stops coming is answered 408, its connection closed, and nothing kept of it', async () => {
  const heads = {
    json: ['POST /v1/jobs HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 100', '{'],
    chunked: [
      'POST /v1/jobs HTTP/1.1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked',
      '1\r\n{\r\n',
    ],
    lines: [
      'POST /v1/batches HTTP/1.1\r\ncontent-type: application/jsonl\r\ncontent-length: 100',
      '{"custom_id":',
    ],
    form: [
      'POST /v1/files HTTP/1.1\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: 999',
      FORM,
    ],
    nothing: ['POST /v1/jobs HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 9', ''],
  };
  await Promise.all(
    Object.entries(heads).map(async ([name, [head = '', begun = '']]) => {
      const answer = await stall(head, begun);
      assert.match(answer, /^HTTP\/1\.1 408 /, name);
      assert.match(answer, /\r\nconnection: close\r\n/i, name);
      assert.match(answer, /"code":"body_stalled"/, name);
    }),
  );
  await until('what was begun is gone', () => api.stored().length === 0);
});

test('a body that goes on is taken, however long it takes', async () => {
  const body = Buffer.from(JSON.stringify({ model: 'fast', body: chat('slow') }));
  const began = performance.now();
  const sent = send({
    port: api.port,
    path: '/v1/jobs',
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': body.length },
  });
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  for (const [at, byte] of body.entries()) {
    const due = began + (at * 3 * IDLE_MS) / body.length;
    await until('the next byte is due', () => performance.now() >= due);
    sent.write(Buffer.of(byte));
  }
  sent.end();
  const [response] = await answered;
  assert.equal(response.statusCode, 202, await text(response));
  assert.ok(performance.now() - began > 2 * IDLE_MS);
});

test('who waits for an answer is not hurried: long polls, events and waiting calls', async () => {
  const { json } = await api.call('POST /v1/jobs', { model: 'fast', body: chat() });
  const poll = api.call(`GET /v1/jobs/${json.id}?wait_ms=30000`);
  const events = fetch(`${api.url}/v1/jobs/${json.id}/events`).then((response) => response.text());
  const call = api.call('POST /v1/chat/completions', { model: 'fast', ...chat() });
  await longerThanThat();
  const list = await api.call('GET /v1/jobs?status=queued&limit=100');
  const done = { status: 'succeeded', result_status: 200, result_body: '{"a":1}' };
  for (const { id } of list.json.data as { id: string }[]) await endJobAs(api.ledger, id, done);
  assert.equal((await poll).json.status, 'succeeded');
  assert.match(await events, /event: job\.succeeded/);
  assert.deepEqual([(await call).status, (await call).json], [200, { a: 1 }]);
});

test('time in which we do not read is not the client’s', async () => {
  const ended: unknown[] = [];
  const server = createServer((request, response) => {
    request.once('data', () => {
      request.pause();
      void longerThanThat().then(() => request.resume());
    });
    request.once('end', () => response.end('all'));
  });
  endStalledBodies(server, IDLE_MS, (response) => {
    ended.push(response);
    response.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sent = send({ port, method: 'POST', headers: { 'content-length': 8_000_000 } });
  sent.end(Buffer.alloc(8_000_000));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  assert.deepEqual([await text(response), ended], ['all', []]);
  sent.destroy();
  server.close();
});
