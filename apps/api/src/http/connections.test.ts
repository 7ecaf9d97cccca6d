import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Connections } from './connections.ts';

/** A server whose connections know the time from the test alone; `pass` lets ms go by, and what was due is looked at. */
async function serve(t: TestContext) {
  const server = createServer((_, response) => response.end('all'));
  const looks: (() => void)[] = [];
  let now = 0;
  const connections = new Connections(server, {
    now: () => now,
    every: (_ms, look) => looks.push(look),
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const pass = async (ms: number): Promise<void> => {
    now += ms;
    for (const look of looks) look();
    // Looks wait for what has arrived.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  };
  const open = async (): Promise<Socket> => {
    const taken = once(server, 'connection');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await Promise.all([once(socket, 'connect'), taken]);
    return socket;
  };
  return { connections, pass, open };
}

async function ask(socket: Socket): Promise<string> {
  socket.write('GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
  const [answer] = await once(socket, 'data');
  await once(socket, 'end');
  return String(answer);
}

test(
  'a client that goes on asking is led off connection by connection, however long each lay idle',
  { timeout: 10_000 },
  async (t) => {
    const { connections, pass, open } = await serve(t);
    const kept = [await open(), await open(), await open(), await open(), await open()];
    const idle = await open();
    connections.end();
    // The last of them is asked on after two seconds.
    for (const socket of kept) {
      await pass(400);
      assert.match(await ask(socket), /^HTTP\/1.1 200 .*\r\nconnection: close\r\n/is);
    }
    const ended = once(idle.resume(), 'end');
    await pass(1_000);
    await ended;
  },
);

test('a client that never stops asking gets five seconds', { timeout: 10_000 }, async (t) => {
  const { connections, pass, open } = await serve(t);
  const idle = await open();
  const kept = [await open(), await open(), await open(), await open(), await open()];
  connections.end();
  const ended = once(idle.resume(), 'end');
  for (const socket of kept) {
    await pass(999);
    await ask(socket);
  }
  await pass(5);
  await ended;
});
