import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, test } from 'node:test';
import { untilNobodyConnects } from './last-callers.ts';

let server: ReturnType<typeof createServer>;
beforeEach(async () => {
  server = createServer((socket) => socket.resume().on('end', () => socket.end()));
  await once(server.listen(0, '127.0.0.1'), 'listening');
});
afterEach(() => void server.close());

async function connectOnce(): Promise<number> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  socket.end();
  return performance.now();
}

test('a socket on which nobody connects stays open for a moment only', async () => {
  const began = performance.now();
  await untilNobodyConnects(server);
  assert.ok(performance.now() - began >= 100);
  assert.equal(server.listenerCount('connection'), 1);
});

test('it stays open while clients go on connecting, but not for ever', async () => {
  const began = performance.now();
  const over = new AbortController();
  const waited = untilNobodyConnects(server).then(() => over.abort());
  let [last, longestGap] = [began, 0];
  while (!over.signal.aborted) {
    const at = await connectOnce();
    longestGap = Math.max(longestGap, at - last);
    last = at;
  }
  await waited;
  const took = performance.now() - began;
  assert.ok(took >= 1_000 || longestGap >= 90, `open for ${took} ms, a gap of ${longestGap} ms`);
});
