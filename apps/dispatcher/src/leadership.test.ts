import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRedis, openLedger } from '@sluice/ledger';
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
    onLost: (_, how) => Promise.resolve(void told.push(how)),
  });
  leadership.start();
  await until('it leads', () => told.length === 1);
  await ledger.redis.set(ledger.keys.leader, '99 other', 'PX', 500);
  await until('it leads again', () => told.length === 3);
  await leadership.stop();
  assert.deepEqual(told, ['lead', 'lost', 'lead', 'given_up']);
});
