import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { until } from '@sluice/testing';
import { inTurn } from './in-turn.ts';

/** A server whose answers are given by the test, and a connection to it. */
async function started(t: { after: (end: () => void) => void }) {
  const begun: ServerResponse[] = [];
  const arrived = { count: 0 };
  const server = createServer(
    inTurn((_, response) => {
      begun.push(response);
      server.emit('begun');
    }),
  );
  server.prependListener('request', () => (arrived.count += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').setEncoding('utf8');
  t.after(() => {
    socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  const heard = { text: '' };
  socket.on('data', (data: string) => (heard.text += data));
  const ask = (times: number, head = 'GET / HTTP/1.1'): void =>
    void socket.write(`${head}\r\nhost: a\r\n\r\n`.repeat(times));
  return { begun, arrived, socket, heard, ask, server };
}

/** Requests of this size that one read of a connection may hold, twice over. */
const TWO_READS = 6_000;

test('requests sent one behind the other are begun one by one, and all are answered', async (t) => {
  const { begun, arrived, heard, ask, server } = await started(t);
  ask(10_000);
  await until('the first is begun', () => begun.length === 1);
  await roundTrip(server, () => begun.length === 2 && begun[1]?.end('other.'));
  assert.ok(arrived.count < TWO_READS, `${arrived.count} were read with none answered`);
  server.on('begun', () => begun.at(-1)?.end('.'));
  begun[0]?.end('first.');
  await until('the last answer', () => heard.text.split('HTTP/1.1 200').length > 10_000);
  assert.equal(arrived.count, 10_001);
});

/** Of a connection of its own. */
async function roundTrip(server: Server, answered: () => unknown): Promise<void> {
  const other = connect((server.address() as AddressInfo).port, '127.0.0.1');
  other.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  await until('the other is answered', () => Boolean(answered()));
  other.resume();
  await once(other, 'close');
}

test('what a connection asked that is gone is not begun', async (t) => {
  const { begun, arrived, socket, ask } = await started(t);
  ask(10);
  await until('all are read', () => arrived.count === 10);
  const closed = once(begun[0] as ServerResponse, 'close');
  socket.destroy();
  await closed;
  assert.equal(begun.length, 1);
});

test('one whose body stays unread behind another is answered in its turn', async (t) => {
  const { begun, arrived, heard, socket, ask } = await started(t);
  ask(1);
  socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc');
  ask(1);
  await until('the first is begun', () => begun.length === 1);
  begun[0]?.end('one.');
  await until('the second is begun', () => begun.length === 2);
  begun[1]?.end('two.');
  await until('the third is begun', () => begun.length === 3);
  begun[2]?.end('three.');
  await until('the last answer', () => heard.text.endsWith('three.'));
  assert.equal(arrived.count, 3);
});
