import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redisAddress } from './redis-address.ts';

const optionsOf = (url: string) => {
  const address = redisAddress(url);
  assert.ok(address.kind === 'sentinels');
  const { sentinels, name, db, username, password, tls } = address.options;
  return { sentinels, name, db, username, password, tls };
};

test('one server is left to the client', () => {
  for (const url of ['redis://h', 'rediss://:secret@h:1/2'])
    assert.deepEqual(redisAddress(url), { kind: 'server', url });
});

test('sentinels, a master, and all that may stand with them', () => {
  assert.deepEqual(optionsOf('redis+sentinel://a:1,b,[::1]:3/mymaster'), {
    sentinels: [
      { host: 'a', port: 1 },
      { host: 'b', port: 26_379 },
      { host: '::1', port: 3 },
    ],
    name: 'mymaster',
    db: 0,
    username: undefined,
    password: undefined,
    tls: undefined,
  });
  const full = optionsOf('rediss+sentinel://me:p%40ss@a:1/m/2');
  assert.deepEqual([full.username, full.password, full.db, full.tls], ['me', 'p@ss', 2, {}]);
  assert.equal(optionsOf('redis+sentinel://:only@a/m').password, 'only');
});

test('a Cluster by some of its nodes', () => {
  const plain = { kind: 'cluster', nodes: [{ host: 'a', port: 1 }], options: {} };
  for (const url of ['redis+cluster://a:1', 'redis+cluster://a:1/'])
    assert.deepEqual(redisAddress(url), plain);
  assert.deepEqual(redisAddress('rediss+cluster://me:p%40ss@a,[::1]:3'), {
    kind: 'cluster',
    nodes: [
      { host: 'a', port: 6_379 },
      { host: '::1', port: 3 },
    ],
    options: { username: 'me', password: 'p@ss', tls: {} },
  });
});

test('anything else is refused without a word of it', () => {
  for (const url of [
    'http://secret',
    'redis+sentinel://a',
    'redis+cluster://a:1/2',
    'redis+cluster://secret@/',
    'redis+ring://a:1',
    'redis+sentinel://a:x/m',
  ]) {
    assert.throws(
      () => redisAddress(url),
      (error: Error) => error instanceof TypeError && !error.message.includes('secret'),
    );
  }
});
