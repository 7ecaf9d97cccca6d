import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRedis, openLedger } from '@sluice/ledger';
import { startRedis, until } from '@sluice/testing';
import { DataWatch } from './data-watch.ts';

test('data that is gone is told of once, by each who knew it; new data is not', async (t) => {
  const redis = await startRedis();
  const ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
  t.after(async () => {
    ledger.redis.disconnect();
    await redis.stop();
  });
  const told: string[] = [];
  const looks = async (): Promise<number> =>
    Number(/cmdstat_get:calls=(\d+)/.exec(await ledger.redis.info('commandstats'))?.[1] ?? 0);
  for (const name of ['one', 'two']) {
    const watch = new DataWatch({
      ledger,
      onLost: () => told.push(name),
      onFull: () => told.push('full'),
      lookEveryMs: 5,
    });
    watch.start();
    t.after(() => watch.stop());
  }
  const looked = async (): Promise<void> => {
    const before = await looks();
    await until('both have looked', async () => (await looks()) > before + 4);
  };
  await looked();
  assert.deepEqual(told, []);
  await ledger.redis.flushall();
  await looked();
  assert.deepEqual(new Set(told), new Set(['one', 'two']));
  await looked();
  assert.equal(told.length, 2);
});

test('a full Redis is told of once, and that it has room again', async (t) => {
  const redis = await startRedis();
  const ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
  t.after(async () => {
    ledger.redis.disconnect();
    await redis.stop();
  });
  const told: boolean[] = [];
  const watch = new DataWatch({
    ledger,
    onLost: () => assert.fail('nothing is lost'),
    onFull: (full) => told.push(full),
    lookEveryMs: 5,
  });
  watch.start();
  t.after(() => watch.stop());
  const refused = async (): Promise<number> =>
    Number(/errorstat_OOM:count=(\d+)/.exec(await ledger.redis.info('errorstats'))?.[1] ?? 0);
  await ledger.redis.config('SET', 'maxmemory', '1');
  await until('it has looked', async () => (await refused()) > 3);
  assert.deepEqual(told, [true]);
  await ledger.redis.config('SET', 'maxmemory', '0');
  await until('it has looked', () => told.length > 1);
  assert.deepEqual(told, [true, false]);
});
