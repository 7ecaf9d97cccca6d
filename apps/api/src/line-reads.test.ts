import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeId } from '@sluice/job';
import { connectRedis, openLedger } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { LineReads } from './line-reads.ts';

const BATCH = makeId('batch', randomBytes(16));
const LINES = 2_000;

let redis: TestRedis;
let ledger: Ledger;
before(async () => {
  redis = await startRedis();
  ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
  await ledger.redis.hset(ledger.keys.batch(BATCH), 'status', 'in_progress');
});
after(async () => {
  ledger.redis.disconnect();
  await redis.stop();
});

const callsOf = async (command: string): Promise<number> => {
  const stats = await ledger.redis.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
};

test('all who ask for lines of a batch at once share one read of it, and each hears of its own line', async () => {
  const reads = new LineReads(ledger);
  await ledger.redis.setbit(ledger.keys.seen(BATCH), 7, 1);
  const numbers = Array.from({ length: LINES }, (_, i) => i);
  const [batches, bits] = [await callsOf('hgetall'), await callsOf('bitfield_ro')];
  const seen = await Promise.all(numbers.map((line) => reads.get(BATCH, line)));
  assert.deepEqual(
    numbers.filter((i) => seen[i]?.recorded),
    [7],
  );
  assert.deepEqual(new Set(seen.map((one) => one?.batch.status)), new Set(['in_progress']));
  assert.equal((await callsOf('hgetall')) - batches, 1);
  assert.equal((await callsOf('bitfield_ro')) - bits, 1);
});

test('who asks while a read is under way hears of what came after it began', async () => {
  const reads = new LineReads(ledger);
  const first = reads.get(BATCH, 1);
  const same = reads.get(BATCH, 2);
  await new Promise(setImmediate);
  await ledger.redis.setbit(ledger.keys.seen(BATCH), 3, 1);
  const later = reads.get(BATCH, 3);
  assert.deepEqual([(await first)?.recorded, (await same)?.recorded], [false, false]);
  assert.equal((await later)?.recorded, true);
  assert.equal(await reads.get(makeId('batch', randomBytes(16)), 1), null);
});
