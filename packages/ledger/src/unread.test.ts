import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeId } from '@sluice/job';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { connectRedis } from './connect.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { forgetUnread, isGone, MISSING_MS, noteUnread, readUnread, unreadAfter } from './unread.ts';
import type { Unread } from './unread.ts';

const NOW = 1_000_000;
const look = { file: 'files/a', missing: true, error: 'no such file', now: NOW };

/** What is known after looks in vain at these times. */
const afterLooks = (looks: readonly { now: number; missing: boolean }[]): Unread =>
  looks.reduce<Unread | null>((known, one) => unreadAfter(known, { ...look, ...one }), null) ??
  assert.fail();

test('a file that is missing at every look is gone after five minutes of them', () => {
  let unread = unreadAfter(null, look);
  const looks = [NOW];
  while (!isGone(unread, looks.at(-1) as number)) {
    looks.push(unread.againAt);
    unread = unreadAfter(unread, { ...look, now: unread.againAt });
  }
  assert.deepEqual(
    looks.map((at) => (at - NOW) / 1_000),
    [0, 2, 4, 8, 16, 32, 64, 124, 184, 244, 304],
  );
});

test('a store that did not answer in between says nothing of what it has: the five minutes begin anew', () => {
  const missing = { now: NOW, missing: true };
  const silent = { now: NOW + MISSING_MS - 1, missing: false };
  const late = NOW + MISSING_MS;
  assert.ok(isGone(afterLooks([missing, { now: late, missing: true }]), late));
  assert.ok(!isGone(afterLooks([missing, silent, { now: late, missing: true }]), late));
  assert.ok(!isGone(afterLooks([{ now: NOW, missing: false }]), NOW + 10 * MISSING_MS));
});

let redis: TestRedis;
let ledger: Ledger;
before(async () => {
  redis = await startRedis();
  ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
});
after(async () => {
  ledger.redis.disconnect();
  await redis.stop();
});

test('processes go on from what others noted, and who asks is told of the last look until the next is past', async () => {
  const batch = makeId('batch', randomBytes(16));
  await noteUnread(ledger, batch, { ...look, file: 'files/b', now: NOW - 60_000 });
  const first = await noteUnread(ledger, batch, look);
  const second = await noteUnread(ledger, batch, { ...look, now: NOW + 8_000 });
  assert.deepEqual(second, { ...first, againAt: NOW + 16_000 });
  assert.deepEqual(await readUnread(ledger, batch, NOW + 16_000), second);
  assert.equal(await readUnread(ledger, batch, NOW + 60_000), null);
  const livesMs = await ledger.redis.pttl(ledger.keys.unread(batch));
  assert.ok(livesMs > 8_000 && livesMs < 120_000, `${livesMs} ms`);
  await forgetUnread(ledger, batch, look.file);
  assert.equal(await readUnread(ledger, batch, NOW + 16_000), null);
});
