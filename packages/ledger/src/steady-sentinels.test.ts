/** A real master behind a sentinel that tells of a failover at the worst moment: while it is being asked who the master is. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { startRedis } from '@sluice/testing';
import { openRedis } from './connect.ts';

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
const array = (...parts: string[]): string => `*${parts.length}\r\n${parts.join('')}`;
/** RESP3: what was not asked for, and what a subscription is answered with. */
const push = (...parts: string[]): string => `>${parts.length}\r\n${parts.join('')}`;

/** The names of the commands in what a client sent; each of its pieces holds whole commands here. */
const commandsIn = (text: string): string[] =>
  text.split(/(?=\*\d+\r\n)/u).map((one) =>
    one
      .split('\r\n')
      .filter((_, i) => i % 2 === 0 && i > 0)
      .join(' ')
      .toLowerCase(),
  );

/** Speaks what a client asks of a sentinel. `asked` runs before it says who the master is. */
async function startSentinel(master: number, asked: (listeners: ReadonlySet<Socket>) => void) {
  const listeners = new Set<Socket>();
  const answer = (socket: Socket, command: string): void => {
    if (command.includes('get-master-addr')) {
      asked(listeners);
      // The news is heard first.
      setTimeout(() => socket.write(array(bulk('127.0.0.1'), bulk(String(master)))), 50);
    } else if (command.startsWith('sentinel sentinels')) socket.write('*0\r\n');
    else if (command.startsWith('subscribe')) {
      listeners.add(socket);
      socket.write(push(bulk('subscribe'), bulk('+switch-master'), ':1\r\n'));
    } else if (command.startsWith('hello')) socket.write(`%1\r\n${bulk('proto')}:3\r\n`);
    else socket.write('+OK\r\n');
  };
  const server = createServer((socket) => {
    socket.on('error', () => undefined).on('close', () => listeners.delete(socket));
    socket.on('data', (data) => {
      for (const command of commandsIn(data.toString())) answer(socket, command);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port, listeners };
}

test(
  'news of a new master while it is being asked for does not end the client',
  { timeout: 20_000 },
  async (t) => {
    const master = await startRedis();
    let asked = 0;
    const news = push(bulk('message'), bulk('+switch-master'), bulk('m 127.0.0.1 1 127.0.0.1 2'));
    const { server, port, listeners } = await startSentinel(master.port, (heard) => {
      asked++;
      for (const socket of asked > 1 ? heard : []) socket.write(news);
    });
    const redis = openRedis(`redis+sentinel://127.0.0.1:${port}/m`, {
      retryStrategy: () => 10,
      maxRetriesPerRequest: null,
    });
    redis.on('error', () => undefined);
    t.after(async () => {
      redis.disconnect();
      for (const socket of listeners) socket.destroy();
      server.close();
      await master.stop();
    });
    assert.equal(await redis.set('a', '1'), 'OK');
    while (listeners.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const other = new Redis(master.url);
    await other.call('CLIENT', 'KILL', 'TYPE', 'NORMAL', 'SKIPME', 'YES');
    other.disconnect();
    assert.equal(await redis.get('a'), '1');
    assert.equal(redis.status, 'ready');
    assert.ok(asked > 1, 'the master was asked for again');
  },
);
