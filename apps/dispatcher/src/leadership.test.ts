import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRedis, openLedger, takeLead } from '@sluice/ledger';
import { startRedis, until } from '@sluice/testing';
import { Leadership } from './leadership.ts';

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
