import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { makeHttpServer } from './http-server.ts';

test('an error of a request or its answer that nobody else listens for ends nothing', async (t) => {
  const server = makeHttpServer((request, response) => {
    if (request.url === '/whole') return response.end('all');
    for (const stream of [request, response]) stream.emit('error', new Error('the client left'));
    return response.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  await assert.rejects(fetch(`http://127.0.0.1:${port}/broken`));
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/whole`)).text(), 'all');
  server.closeAllConnections();
});
