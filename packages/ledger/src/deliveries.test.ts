/** Deliveries to webhook endpoints against a real Redis. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { makeId, slotOf } from '@sluice/job';
import { startRedis } from '@sluice/testing';
import { connectRedis } from './connect.ts';
import { beginRedelivery, noteAttempt, openDelivery, readDelivery } from './deliveries.ts';
import { openLedger } from './ledger.ts';

const NOW = 1_000_000;
const keepMs = 60_000;

test('what is asked for again is pending and in the outbox in one step, once for each asking', async (t) => {
  const redis = await startRedis();
  const ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
  t.after(async () => {
    ledger.redis.disconnect();
    await redis.stop();
  });
  const endpoint = makeId('whe', randomBytes(16));
  const subject = makeId('job', randomBytes(16));
  const type = 'job.succeeded' as const;
  const event = { id: 'evt_1', type, url: null, subject, at: NOW, tenant: 't' };
  const id = await openDelivery(ledger, { endpoint, event, now: NOW, keepMs });
  const begin = (name: string) => beginRedelivery(ledger, { id, endpoint }, { name, now: NOW + 5 });
  const outbox = async () =>
    (await ledger.redis.xrange(ledger.keys.outbox(slotOf(endpoint)), '-', '+')).map(
      ([, fields]) => fields,
    );
  const end = (status: 'failed' | 'delivered') =>
    noteAttempt(ledger, id, { attempt: null, status, nextAt: null, keepMs });

  assert.equal(await begin('a'), null, 'its schedule goes on');
  assert.deepEqual(await outbox(), []);
  await end('failed');
  assert.equal(await begin('b'), 1);
  const first = ['event', JSON.stringify(event), 'again', `${endpoint} ${id} 1`];
  assert.deepEqual(await outbox(), [first]);
  const { status, nextAt, redeliveries } = (await readDelivery(ledger, id)) ?? assert.fail();
  assert.deepEqual([status, nextAt, redeliveries], ['pending', NOW + 5, 1]);
  assert.equal(await begin('b'), 1, 'the same asking, sent again because its reply was lost');
  assert.equal(await begin('c'), null, 'another one');
  assert.deepEqual(await outbox(), [first]);
  await end('delivered');
  assert.equal(await begin('c'), 2);
  assert.equal((await outbox()).length, 2);
  await ledger.redis.del(ledger.keys.delivery(id));
  assert.equal(await begin('d'), null, 'forgotten');
});
