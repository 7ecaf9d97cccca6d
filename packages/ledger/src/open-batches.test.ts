/** Open batches are found among jobs and chunks, a few at a time, against a real Redis. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeId, slotOf } from '@sluice/job';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { createBatch } from './batches.ts';
import { connectRedis } from './connect.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { eachOpenBatch } from './open-batches.ts';

let redis: TestRedis;
let ledger: Ledger;
const ids: string[] = [];
before(async () => {
  redis = await startRedis();
  ledger = openLedger(connectRedis(redis.url, 'background'), 'test');
  ids.push(...Array.from({ length: 2_000 }, () => makeId('batch', randomBytes(16))));
  await Promise.all(ids.map(created));
  // What stands there beside them.
  const { check } = ledger.keys;
  const others = [...ids.map((id) => `${id}~0.0`), ...ids.map((id) => id.replace('batch', 'job'))];
  await Promise.all(others.map((id) => ledger.redis.zadd(check(slotOf(id)), NOW, id)));
});
after(async () => {
  ledger.redis.disconnect();
  await redis.stop();
});

const NOW = 1_000_000;

async function created(id: string): Promise<void> {
  const batch = {
    id,
    tenant: 'default',
    endpoint: '/v1/chat/completions',
    inputFileId: 'file_1',
    completionWindow: '1h',
    createdAt: NOW,
    expiresAt: NOW + 60_000,
    priority: 'low',
    metadata: null,
    webhookUrl: null,
    maxTier: null,
    maxCostUsd: null,
    outputExpiresAfter: null,
    retryOf: null,
  } as const;
  await createBatch(ledger, batch, { checkAt: NOW, idempotency: null });
}

test('all of them, few at once', async () => {
  const found = new Set<string>();
  let most = 0;
  await eachOpenBatch(ledger, (batches) => {
    most = Math.max(most, batches.length);
    for (const { id } of batches) found.add(id);
    return true;
  });
  assert.deepEqual([...found].toSorted(), ids.toSorted());
  assert.ok(most <= 64, `${most} at once`);
});

test('whoever wants no more is given no more', async () => {
  let asked = 0;
  await eachOpenBatch(ledger, () => {
    asked += 1;
    return false;
  });
  assert.equal(asked, 16, 'once for each slot');
});
