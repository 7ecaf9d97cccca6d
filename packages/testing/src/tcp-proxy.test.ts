import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setImmediate as soon } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { TcpProxy } from './tcp-proxy.ts';
import { until } from './until.ts';

let heard = '';
const target = createServer((socket) => {
  socket.setEncoding('utf8').on('data', (text: string) => (heard += text));
  socket.on('error', () => undefined);
});
let proxy: TcpProxy;
before(async () => {
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
  proxy = await TcpProxy.start((target.address() as AddressInfo).port);
});
after(async () => {
  await proxy.stop();
  target.close();
});

/** A connection to this port, and what it says so that nobody waits to send. */
async function client(port: number) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

test('what is held back goes before what comes later, also when its timer is late', async (t) => {
  const socket = await client(proxy.port);
  const busy = createServer((other) => {
    other.on('data', () => {
      const end = performance.now() + 60;
      while (performance.now() < end);
    });
  }).listen(0, '127.0.0.1');
  await once(busy, 'listening');
  const other = await client((busy.address() as AddressInfo).port);
  t.after(() => {
    other.destroy();
    socket.destroy();
    busy.close();
  });
  proxy.latencyMs = 30;
  socket.write('a');
  await until('a is held back', () => proxy.delayed === 1);
  proxy.latencyMs = 0;
  await soon();
  // Both are there when sockets are looked at next, and before the second the timer is due.
  other.write('stand still');
  socket.write('b');
  await until('both have come', () => heard.length === 2);
  assert.equal(heard, 'ab');
});
