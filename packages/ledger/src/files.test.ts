import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeId, makeSiblingId, slotOf } from '@sluice/job';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { connectRedis } from './connect.ts';
import {
  createFile,
  deleteFile,
  listExpired,
  readFile,
  releaseFile,
  useFile,
  usersOfFile,
} from './files.ts';
import type { FileRecord } from './files.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { listIds } from './lists.ts';

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

function aFile(change: Partial<FileRecord> = {}): FileRecord {
  const id = makeId('file', randomBytes(16));
  return {
    id,
    tenant: 'default',
    bytes: 12,
    createdAt: 1_000,
    filename: 'täst "a".jsonl',
    purpose: 'batch',
    expiresAt: null,
    storeName: id,
    ...change,
  };
}

test('a file is read back as it was recorded, listed, and gone after its deletion', async () => {
  const file = aFile({ expiresAt: 9_000 });
  assert.deepEqual(await createFile(ledger, file), { kind: 'created', id: file.id });
  assert.deepEqual(await readFile(ledger, file.id), file);
  const files = { kind: 'files', tenant: 'default', order: 'desc' } as const;
  assert.deepEqual(await listIds(ledger, files, 10), [file.id]);
  assert.deepEqual(await deleteFile(ledger, file), { kind: 'deleted' });
  assert.deepEqual(await deleteFile(ledger, file), { kind: 'missing' });
  assert.equal(await readFile(ledger, file.id), null);
  assert.deepEqual(await listIds(ledger, files, 10), []);
  assert.equal(await ledger.redis.exists(ledger.keys.listed('files', slotOf(file.id))), 0);
});

test('the same idempotency key makes one file, and refuses another content', async () => {
  const file = aFile();
  const second = aFile();
  const sibling = { ...second, id: makeSiblingId('file', file.id, randomBytes(16)) };
  const key = { slot: slotOf(file.id), key: 'k', requestHash: 'h', keepSeconds: 60 };
  assert.deepEqual(await createFile(ledger, file, key), { kind: 'created', id: file.id });
  assert.deepEqual(await createFile(ledger, sibling, key), { kind: 'repeated', id: file.id });
  const other = { ...key, requestHash: 'other' };
  assert.deepEqual(await createFile(ledger, sibling, other), { kind: 'conflict', id: file.id });
  assert.equal(await readFile(ledger, sibling.id), null);
});

test('lapsed files are found, those without an expiry never', async () => {
  const lapsing = aFile({ expiresAt: 500 });
  const staying = { ...aFile(), id: makeSiblingId('file', lapsing.id, randomBytes(16)) };
  await createFile(ledger, lapsing);
  await createFile(ledger, staying);
  const slot = slotOf(lapsing.id);
  assert.deepEqual(await listExpired(ledger, slot, { now: 499, limit: 10 }), []);
  assert.deepEqual(await listExpired(ledger, slot, { now: 500, limit: 10 }), [lapsing.id]);
});

test('a file knows the batches made of it; a deleted one takes none', async () => {
  const file = aFile();
  await createFile(ledger, file);
  assert.equal(await useFile(ledger, file.id, 'batch_1'), true);
  assert.deepEqual(await usersOfFile(ledger, file.id), ['batch_1']);
  assert.deepEqual(await readFile(ledger, file.id), file);
  assert.deepEqual(await deleteFile(ledger, file, { ended: ['batch_1'] }), { kind: 'deleted' });
  assert.equal(await useFile(ledger, file.id, 'batch_2'), false);
  assert.equal(await readFile(ledger, file.id), null);
});

test('a batch that is being made holds its file until it is known to have let go', async () => {
  const file = aFile();
  await createFile(ledger, file);
  await useFile(ledger, file.id, 'batch_1');
  const held = { kind: 'held', by: 'batch_1' };
  assert.deepEqual(await deleteFile(ledger, file), held);
  const unknown = ['batch_1'];
  assert.deepEqual(await deleteFile(ledger, file, { unknown }), held, 'its record may come yet');
  const longAgo = Date.now() - 61_000;
  await ledger.redis.hset(ledger.keys.file(file.id), 'used:batch_1', longAgo);
  assert.deepEqual(await deleteFile(ledger, file), held, 'nobody looked whether it is there');
  await useFile(ledger, file.id, 'batch_2');
  assert.deepEqual((await deleteFile(ledger, file, { unknown })).kind, 'held', 'a second one came');
  await releaseFile(ledger, file.id, 'batch_2');
  assert.deepEqual(await deleteFile(ledger, file, { unknown }), { kind: 'deleted' });
});
