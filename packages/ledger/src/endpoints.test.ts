/** Webhook endpoints against a real Redis. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { makeId, slotOf } from '@sluice/job';
import { startRedis } from '@sluice/testing';
import { connectRedis } from './connect.ts';
import { createEndpoint, disableEndpoint, readEndpoint } from './endpoints.ts';
import { openLedger } from './ledger.ts';

const NOW = 1_000_000;

test('one that is disabled is told of once, also where that is sent again because its answer was lost', async (t) => {
  const redis = await startRedis();
  const ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
  t.after(async () => {
    ledger.redis.disconnect();
    await redis.stop();
  });
  const id = makeId('whe', randomBytes(16));
  const endpoint = { id, tenant: 't', name: 'n', url: 'https://a.example', eventTypes: [] };
  await createEndpoint(ledger, {
    ...endpoint,
    createdAt: NOW,
    updatedAt: null,
    secrets: [],
    status: 'active',
    disabledReason: null,
    disabledAt: null,
    failingSince: null,
  });
  const type = 'webhook_endpoint.disabled' as const;
  const event = { id: 'evt_1', type, url: null, subject: id, at: NOW, tenant: 't' };
  assert.equal(await disableEndpoint(ledger, id, { reason: 'gone', event }), true);
  assert.equal(await disableEndpoint(ledger, id, { reason: 'gone', event }), false);
  const told = await ledger.redis.xrange(ledger.keys.outbox(slotOf(id)), '-', '+');
  assert.deepEqual(
    told.map(([, fields]) => JSON.parse(fields[1] ?? '') as unknown),
    [event],
  );
  const { status, disabledAt, disabledReason } = (await readEndpoint(ledger, id)) ?? assert.fail();
  assert.deepEqual([status, disabledAt, disabledReason], ['disabled', NOW, 'gone']);
});
