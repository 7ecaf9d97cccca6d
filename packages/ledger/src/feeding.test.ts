/** Feeding of batches through its script, against a real Redis: also where its answer was lost and it is sent again. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeId } from '@sluice/job';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { createBatch, moveBatch, readBatch, movedFor } from './batches.ts';
import { connectRedis } from './connect.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { feedChunks, openChunks, placeEntry } from './placing.ts';
import type { Feed, NewChunk } from './placing.ts';

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

const NOW = 1_000_000;

async function draining(): Promise<string> {
  const id = makeId('batch', randomBytes(16));
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
  await moveBatch(ledger, id, { from: ['validating'], to: 'in_progress', set: { total: 16 } });
  return id;
}

const chunkOf = (batch: string, from: number, over: Partial<NewChunk> = {}): NewChunk => ({
  id: `${batch}~0.${from}`,
  batch,
  tenant: 'default',
  pool: 'fast',
  deployment: 'mini',
  tier: 1,
  epoch: 1,
  lines: [1, 2, 3, 4].map((line) => [from + line, 0, 90, 40, -1]),
  formats: 3,
  priority: 'low',
  createdAt: NOW,
  deadlineAt: NOW + 60_000,
  ...over,
});

const feedOf = (batch: string, chunks: NewChunk[]): Feed => ({
  batch,
  class: 0,
  cursor: 0,
  newCursor: 4 * chunks.length,
  chunks,
  checkAt: NOW + 15_000,
  leaderToken: 1,
});

test('sent again it feeds nothing more, and answers as before', async () => {
  const batch = await draining();
  const feed = feedOf(batch, [chunkOf(batch, 0), chunkOf(batch, 4)]);
  assert.equal(await feedChunks(ledger, feed), 'fed');
  assert.equal(await feedChunks(ledger, feed), 'fed');
  assert.equal((await readBatch(ledger, batch))?.fed, 8);
  assert.equal((await openChunks(ledger, batch)).length, 2);
  // Paused meanwhile: its chunks need their entries all the same.
  await moveBatch(ledger, batch, { from: ['in_progress'], set: { paused: '1' } });
  assert.equal(await feedChunks(ledger, feed), 'fed');
});

test('what another fed from there, or what has moved on since, is not taken for it', async () => {
  const batch = await draining();
  const feed = feedOf(batch, [chunkOf(batch, 0)]);
  assert.equal(await feedChunks(ledger, feed), 'fed');
  const elsewhere = feedOf(batch, [chunkOf(batch, 0, { deployment: 'other' })]);
  assert.equal(await feedChunks(ledger, elsewhere), 'moved');
  const move = { epoch: 1, deployment: 'other', tier: 1, checkAt: NOW, leaderToken: 1, now: NOW };
  await placeEntry(ledger, { id: `${batch}~0.0`, ...move });
  assert.equal(await feedChunks(ledger, feed), 'moved');
  await moveBatch(ledger, batch, { from: ['in_progress'], set: { paused: '1' } });
  assert.equal(await feedChunks(ledger, feed), 'not_draining');
});

test('a batch is moved once by a key', async () => {
  const id = await draining();
  const from = ['in_progress'] as const;
  const resume = { from, set: { paused: '0' }, once: { key: 'k', request: 'r' } };
  assert.equal(await movedFor(ledger, id, 'k'), null);
  assert.equal((await moveBatch(ledger, id, resume)).kind, 'moved');
  await moveBatch(ledger, id, { from, set: { paused: '1' } });
  assert.equal((await moveBatch(ledger, id, resume)).kind, 'refused');
  assert.equal((await readBatch(ledger, id))?.paused, true);
  assert.deepEqual(
    [await movedFor(ledger, id, 'k'), await movedFor(ledger, id, 'other')],
    ['r', null],
  );
  assert.equal(
    (await moveBatch(ledger, id, { ...resume, once: { key: 'other', request: 'r' } })).kind,
    'moved',
  );
});

test('a batch moves only while the fields that were read stand, sent again or not', async () => {
  const id = await draining();
  const pause = {
    from: ['in_progress'] as const,
    as: { paused: false, maxCostUsd: null },
    set: { paused: '1', paused_reason: 'why' },
  };
  assert.equal((await moveBatch(ledger, id, pause)).kind, 'moved');
  assert.equal((await moveBatch(ledger, id, pause)).kind, 'refused');
  const resume = { from: pause.from, set: { paused: '0', paused_reason: '' } };
  assert.equal(
    (await moveBatch(ledger, id, { ...resume, as: { pausedReason: null } })).kind,
    'refused',
  );
  assert.equal((await readBatch(ledger, id))?.pausedReason, 'why');
  assert.equal(
    (await moveBatch(ledger, id, { ...resume, as: { pausedReason: 'why' } })).kind,
    'moved',
  );
  assert.equal((await moveBatch(ledger, id, { ...pause, as: { maxCostUsd: 1 } })).kind, 'refused');
  assert.equal((await moveBatch(ledger, id, pause)).kind, 'moved', '0 is as good as none');
});
