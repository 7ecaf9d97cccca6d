import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { until } from '@sluice/testing';
import { masterOfKey } from './master-of-key.ts';

test('a node that accepts and says nothing is left for the next', async (t) => {
  let asked = 0;
  const silent = createServer((socket) => {
    asked += 1;
    socket.on('error', () => socket.destroy());
    socket.resume();
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const { port } = silent.address() as AddressInfo;
  const redis = masterOfKey(
    [{ host: '127.0.0.1', port }],
    { maxRetriesPerRequest: null, retryStrategy: () => 20, connectTimeout: 5_000 },
    'key',
  );
  t.after(() => {
    redis.disconnect();
    silent.close();
  });
  await until('it asks again', () => asked >= 2);
  assert.notEqual(redis.status, 'end');
});
