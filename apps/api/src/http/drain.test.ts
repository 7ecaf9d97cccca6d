import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as send } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { until } from '@sluice/testing';
import { drain } from './drain.ts';

const PIECE = Buffer.alloc(256 * 1024, 'x');

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<unknown>;

/** A server that answers 400 with `handle`, and a client that sends `pieces` of a body and leaves it open. */
async function exchange(handle: Handle, pieces: number) {
  const server = createServer((request, response) => void handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = send({ port, method: 'POST', headers: { 'transfer-encoding': 'chunked' } });
  let failed = '';
  client.on('error', (error: NodeJS.ErrnoException) => (failed = error.code ?? 'failed'));
  const answered = once(client, 'response') as Promise<[IncomingMessage]>;
  for (let i = 0; i < pieces; i += 1) client.write(PIECE);
  return { client, answered, failed: () => failed, close: () => server.close() };
}

/** Leaves the loop after the first piece, as a handler does that refuses what it reads. */
async function readOne(request: IncomingMessage, destroyOnReturn: boolean): Promise<void> {
  for await (const _ of request.iterator({ destroyOnReturn })) return;
}

test('a client that has not sent all yet gets its answer, and may then send the rest', async () => {
  let ended: Promise<unknown> | undefined;
  const { client, answered, failed, close } = await exchange(async (request, response) => {
    await readOne(request, false);
    ended = once(request, 'end');
    void drain(request, response, 60_000);
    response.writeHead(400).end('no');
  }, 8);
  const [response] = await answered;
  assert.equal(response.statusCode, 400);
  response.resume();
  client.end(PIECE);
  await ended;
  assert.equal(failed(), '');
  client.destroy();
  close();
});

test('who goes on sending after that time is cut off', async () => {
  const { client, answered, close } = await exchange(async (request, response) => {
    await readOne(request, false);
    void drain(request, response, 50);
    response.writeHead(400).end('no');
  }, 1);
  (await answered)[0].resume();
  await until('the connection is cut', () => client.destroyed);
  close();
});

test('a request that was destroyed is answered all the same, and its connection ends', async () => {
  const { client, answered, close } = await exchange(async (request, response) => {
    await readOne(request, true);
    assert.equal(request.destroyed, true);
    void drain(request, response, 1);
    response.writeHead(400).end('no');
  }, 8);
  const [response] = await answered;
  assert.equal(response.headers.connection, 'close');
  response.resume();
  await until('the connection has ended', () => client.destroyed);
  close();
});
