import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connectRedis, openLedger, raiseToken, takeLead } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';
import { startRedis, until } from '@sluice/testing';
import { Leadership } from './leadership.ts';

/** A ledger of its own, and a leadership that tells what becomes of it. */
async function candidate(t: TestContext) {
  const clock = { behindMs: 0 };
  const redis = await startRedis();
  const ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
  const told: string[] = [];
  const losses: AbortSignal[] = [];
  const leadership = new Leadership({
    ledger,
    holder: 'one',
    leaseMs: 400,
    now: () => Date.now() - clock.behindMs,
    onLead: (token, lost) => {
      losses.push(lost);
      return Promise.resolve(void told.push(`lead ${token}`));
    },
    onError: () => void told.push('failed'),
    onLost: (_, how) => Promise.resolve(void told.push(how)),
  });
  t.after(async () => {
    await leadership.stop();
    ledger.redis.disconnect();
    await redis.stop();
  });
  return { ledger, told, losses, leadership, clock };
}

const untilTold = (told: readonly string[], what: string): Promise<unknown> =>
  until(what, () => told.includes(what));

test('where the token could not be raised in every slot, the term is begun again and is not acted in before', async (t) => {
  const { ledger, told, leadership } = await candidate(t);
  const key = ledger.keys.leaderSeen(7);
  await ledger.redis.sadd(key, 'nothing that a script can read');
  leadership.start();
  await untilTold(told, 'failed');
  await ledger.redis.del(key);
  await untilTold(told, 'lead 1');
  assert.ok(!told.includes('lost'), 'it never led');
  assert.equal(await ledger.redis.get(key), '1');
});

test('a full Redis gets a leader', async (t) => {
  const { ledger, told, leadership } = await candidate(t);
  await ledger.redis.config('SET', 'maxmemory', '1');
  await assert.rejects(ledger.redis.set('any', 'thing'), /OOM/);
  leadership.start();
  await untilTold(told, 'lead 1');
});

test('a token that is older than one that was seen is not led with: the next is above it', async (t) => {
  const { ledger, told, leadership } = await candidate(t);
  await raiseToken(ledger, 41);
  await forgetCounter(ledger);
  leadership.start();
  await untilTold(told, 'lead 42');
});

/** As on a node of a Cluster that died with its last writes. */
const forgetCounter = ({ redis, keys }: Ledger) => redis.del(`${keys.leader}:token`);

test('a term that is lost hears of it, also while it begins', async (t) => {
  const { ledger, told, losses, leadership } = await candidate(t);
  leadership.start();
  await untilTold(told, 'lead 1');
  assert.equal(losses[0]?.aborted, false);
  await ledger.redis.set(ledger.keys.leader, '99 other', 'PX', 500);
  await untilTold(told, 'lost');
  assert.equal(losses[0]?.aborted, true);
});

test('a term begins anew where the clock is set back: what it remembers by time would stand still', async (t) => {
  const { told, losses, leadership, clock } = await candidate(t);
  leadership.start();
  await untilTold(told, 'lead 1');
  clock.behindMs = 600_000;
  await until('it leads again', () => losses.length === 2);
  assert.deepEqual(told, ['lead 1', 'lost', 'lead 1']);
  assert.deepEqual(
    losses.map(({ aborted }) => aborted),
    [true, false],
  );
});

test('a leader that stops gives the lead up; one whose lease is taken loses it', async (t) => {
  const redis = await startRedis();
  const ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
  t.after(async () => {
    ledger.redis.disconnect();
    await redis.stop();
  });
  const told: string[] = [];
  const leadership = new Leadership({
    ledger,
    holder: 'one',
    leaseMs: 400,
    now: Date.now,
    onLead: () => Promise.resolve(void told.push('lead')),
    onError: (error) => void told.push(String(error)),
    onLost: (_, how) => Promise.resolve(void told.push(how)),
  });
  leadership.start();
  await until('it leads', () => told.length === 1);
  await ledger.redis.set(ledger.keys.leader, '99 other', 'PX', 500);
  await until('it leads again', () => told.length === 3);
  await leadership.stop();
  assert.deepEqual(told, ['lead', 'lost', 'lead', 'given_up']);
});

test('the lead is kept while the term is slow to begin, and begun again where that fails', async (t) => {
  const redis = await startRedis();
  const ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
  t.after(async () => {
    ledger.redis.disconnect();
    await redis.stop();
  });
  const told: string[] = [];
  const begun: (() => void)[] = [];
  const leadership = new Leadership({
    ledger,
    holder: 'one',
    leaseMs: 400,
    now: Date.now,
    onLead: () => {
      told.push('lead');
      return new Promise((resolve, reject) =>
        begun.push(told.length === 1 ? () => reject(new Error('away')) : resolve),
      );
    },
    onError: () => void told.push('failed'),
    onLost: (_, how) => Promise.resolve(void told.push(how)),
  });
  leadership.start();
  await until('it begins', () => begun.length === 1);
  // Longer than the lease: another would have it, were it not renewed meanwhile.
  const from = Date.now();
  await until('twice the lease is over', () => Date.now() - from > 800);
  assert.equal(await takeLead(ledger, { holder: 'other', ms: 400 }), 0);
  begun[0]?.();
  await until('it begins again', () => begun.length === 2);
  begun[1]?.();
  await leadership.stop();
  assert.deepEqual(told, ['lead', 'failed', 'lost', 'lead', 'given_up']);
});
