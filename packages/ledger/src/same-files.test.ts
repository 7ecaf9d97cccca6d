import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { freePort, startRedis, until } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { guardFiles } from './guard-files.ts';
import { makeKeys } from './keys.ts';
import { agreeOnFiles, compareFiles, markStep } from './same-files.ts';
import type { MarkInStore } from './same-files.ts';

let redis: TestRedis;
let client: Redis;
before(async () => {
  redis = await startRedis();
  client = new Redis(redis.url);
});
after(async () => {
  client.disconnect();
  await redis.stop();
});

interface Store extends MarkInStore {
  mark: string | null;
  written: number;
}

/** A store whose mark processes read late, as in a shared folder: `late` readings after it was written. */
function storeAt(where: string, { late = 0 } = {}): Store {
  let readings = 0;
  const store: Store = {
    where,
    mark: null,
    written: 0,
    read: () => Promise.resolve(readings++ < late ? null : store.mark),
    write: (mark) => {
      store.mark = mark;
      store.written++;
      return Promise.resolve();
    },
  };
  return store;
}

let prefixes = 0;
const newPrefix = (): string => `same-files-${++prefixes}`;
const asked = (prefix: string, store: MarkInStore) => ({ redisUrl: redis.url, prefix, store });

test('what follows from two marks', () => {
  assert.equal(markStep(null, null), 'make_one');
  assert.equal(markStep(null, 'a'), 'tell_redis');
  assert.equal(markStep('a', 'a'), 'same');
  assert.equal(markStep('a', 'b'), 'other');
  assert.equal(markStep('a', null), 'other');
});

test('many first processes at once make one mark', async () => {
  const prefix = newPrefix();
  const store = storeAt('the folder /a');
  const found = await Promise.all(
    Array.from({ length: 12 }, () => agreeOnFiles(asked(prefix, store))),
  );
  assert.deepEqual(new Set(found.map(({ kind }) => kind)), new Set(['same']));
  assert.equal(store.written, 1);
  assert.equal(await client.get(makeKeys(prefix).storeMark), store.mark);
});

test('of two stores that begin at once, one is taken and the other refused', async () => {
  const prefix = newPrefix();
  const stores = [storeAt('the folder /a'), storeAt('the folder /b')];
  const found = await Promise.all(stores.map((store) => agreeOnFiles(asked(prefix, store))));
  assert.deepEqual(found.map(({ kind }) => kind).toSorted(), ['other', 'same']);
  const other = found.findIndex(({ kind }) => kind === 'other');
  assert.equal(stores[other]?.mark, null, 'the other store is not written to');
});

test('another store is refused with its place, what to name and what to do when the files are lost', async () => {
  const prefix = newPrefix();
  await agreeOnFiles(asked(prefix, storeAt('the folder /a')));
  const b = storeAt('the folder /b');
  for (const mark of [null, 'of-another-redis']) {
    b.mark = mark;
    const found = await agreeOnFiles(asked(prefix, b));
    assert.equal(found.kind, 'other');
    const { reason } = found as { reason: string };
    assert.match(reason, /the folder \/b/);
    assert.match(reason, /SLUICE_DATA_DIR/);
    assert.ok(reason.includes(`redis-cli DEL '${makeKeys(prefix).storeMark}'`), reason);
  }
});

test('what the message says to do lets the other store take the place', async () => {
  const prefix = newPrefix();
  await agreeOnFiles(asked(prefix, storeAt('the folder /a')));
  await client.del(makeKeys(prefix).storeMark);
  assert.equal((await agreeOnFiles(asked(prefix, storeAt('the folder /b')))).kind, 'same');
});

test('a Redis that was emptied is told the mark again', async () => {
  const prefix = newPrefix();
  const store = storeAt('the folder /a');
  await agreeOnFiles(asked(prefix, store));
  const { mark } = store;
  await client.del(makeKeys(prefix).storeMark);
  assert.equal((await agreeOnFiles(asked(prefix, store))).kind, 'same');
  assert.equal(await client.get(makeKeys(prefix).storeMark), mark);
  assert.equal(store.written, 1);
});

test('a mark that shows late is waited for', async () => {
  const prefix = newPrefix();
  const store = storeAt('the folder /a', { late: 3 });
  store.mark = 'm';
  await client.set(makeKeys(prefix).storeMark, 'm');
  assert.equal((await agreeOnFiles(asked(prefix, store))).kind, 'same');
});

test('whoever only looks leaves everything as it is', async () => {
  const prefix = newPrefix();
  const store = storeAt('the folder /a');
  assert.equal((await compareFiles(asked(prefix, store))).kind, 'unknown');
  assert.equal(store.written, 0);
  assert.equal(await client.exists(makeKeys(prefix).storeMark), 0);
  await agreeOnFiles(asked(prefix, store));
  assert.equal((await compareFiles(asked(prefix, store))).kind, 'same');
  assert.equal((await compareFiles(asked(prefix, storeAt('b')))).kind, 'other');
});

test('a Redis or a store that is away leaves it open', async () => {
  const away = `redis://127.0.0.1:${await freePort()}`;
  const store = storeAt('the folder /a');
  assert.equal((await agreeOnFiles({ redisUrl: away, prefix: 'p', store })).kind, 'unknown');
  store.read = () => Promise.reject(new Error('away'));
  assert.equal((await agreeOnFiles(asked(newPrefix(), store))).kind, 'unknown');
});

const fail = (reason: string): never => assert.fail(reason);

test('a Redis that is emptied is told the mark again by whoever runs', async (t) => {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const prefix = newPrefix();
  const store = storeAt('the folder /a');
  const everyMs = { unknown: 20, known: 20 };
  const guarding = { ...asked(prefix, store), end: fail, everyMs, signal: stop.signal };
  assert.equal(await guardFiles(guarding), null);
  await client.del(makeKeys(prefix).storeMark);
  await until(
    'the mark',
    async () => (await client.get(makeKeys(prefix).storeMark)) === store.mark,
  );
  assert.equal((await agreeOnFiles(asked(prefix, storeAt('the folder /b')))).kind, 'other');
});

test('all looks go over one connection, and over another when that has broken', async (t) => {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const prefix = newPrefix();
  let looks = 0;
  const store = storeAt('the folder /a');
  const { read } = store;
  store.read = () => {
    looks++;
    return read();
  };
  const connections = async (): Promise<number> =>
    Number(/total_connections_received:(\d+)/.exec(await client.info('stats'))?.[1]);
  const moreLooks = (): Promise<unknown> => {
    const seen = looks;
    return until('more looks', () => looks > seen + 5);
  };
  const everyMs = { unknown: 20, known: 20 };
  const begun = await connections();
  await guardFiles({ ...asked(prefix, store), end: fail, everyMs, signal: stop.signal });
  await moreLooks();
  assert.equal((await connections()) - begun, 1);
  await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await moreLooks();
  assert.equal((await connections()) - begun, 2);
});

test('a process that began while Redis was away ends when it finds other files there', async () => {
  const own = await startRedis({ persistent: true });
  const guarded = { redisUrl: own.url, prefix: 'p', everyMs: { unknown: 20, known: 20 } };
  await agreeOnFiles({ ...guarded, store: storeAt('the folder /a') });
  const store = storeAt('the folder /b');
  process.kill(own.pid, 'SIGKILL');
  await until(
    'Redis to be away',
    async () => (await agreeOnFiles({ ...guarded, store })).kind === 'unknown',
  );
  const reasons: string[] = [];
  const end = (reason: string): unknown => reasons.push(reason);
  assert.equal(await guardFiles({ ...guarded, store, end }), null);
  await own.restart();
  assert.match(await until('its end', () => reasons[0]), /the folder \/b/);
  await own.stop();
});

test('whoever runs waits for a store that goes away, makes no mark in its place and ends at another', async (t) => {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const prefix = newPrefix();
  const key = makeKeys(prefix).storeMark;
  const store = storeAt('the folder /a');
  let looks = 0;
  const { read } = store;
  store.read = () => {
    looks++;
    return read();
  };
  const reasons: string[] = [];
  const end = (reason: string): unknown => reasons.push(reason);
  const everyMs = { unknown: 20, known: 20 };
  assert.equal(
    await guardFiles({ ...asked(prefix, store), end, everyMs, signal: stop.signal }),
    null,
  );
  const { mark } = store;
  const looked = (): Promise<unknown> => {
    const seen = looks;
    return until('more looks', () => looks > seen + 3);
  };
  store.mark = null;
  // An emptied Redis too: a first process would make both anew.
  await client.del(key);
  const began = performance.now();
  await until('longer than another is believed', () => performance.now() - began > 2_500);
  await looked();
  assert.deepEqual([store.mark, store.written, reasons], [null, 1, []]);
  store.mark = mark;
  await until('the mark', async () => (await client.get(key)) === mark);
  store.mark = 'another';
  await client.set(key, 'another');
  assert.match(await until('its end', () => reasons[0]), /the folder \/a/);
});
