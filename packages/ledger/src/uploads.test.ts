import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeId, makeSiblingId } from '@sluice/job';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { connectRedis } from './connect.ts';
import { readFile } from './files.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { addPart, createUpload, endUpload, readParts, readUpload } from './uploads.ts';
import type { NewUpload, UploadEnd } from './uploads.ts';

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

const HOUR = 3_600_000;

async function anUpload(): Promise<NewUpload> {
  const upload = {
    id: makeId('upload', randomBytes(16)),
    tenant: 'default',
    filename: 'a.jsonl',
    purpose: 'batch',
    bytes: 10,
    mimeType: 'application/jsonl',
    createdAt: 1_000,
    expiresAt: 1_000 + HOUR,
    expiresAfter: null,
  };
  assert.equal((await createUpload(ledger, upload)).kind, 'created');
  return upload;
}

function completion(upload: NewUpload, partIds: string[]): UploadEnd & { status: 'completed' } {
  const id = makeSiblingId('file', upload.id, randomBytes(16));
  const { tenant, bytes, filename, purpose } = upload;
  const file = { tenant, bytes, filename, purpose, createdAt: 2_000, expiresAt: null };
  return { status: 'completed', partIds, file: { ...file, id, storeName: id } };
}

const aPart = (id: string, createdAt = 1_500) => ({ id, bytes: 5, createdAt, storeName: id });

test('parts are kept until completion, which makes the file in the same step', async () => {
  const upload = await anUpload();
  assert.deepEqual(await addPart(ledger, upload.id, aPart('part_a')), { kind: 'added' });
  assert.deepEqual(await addPart(ledger, upload.id, aPart('part_b')), { kind: 'added' });
  assert.equal((await readParts(ledger, upload.id)).length, 2);
  const end = completion(upload, ['part_b', 'part_a']);
  assert.deepEqual(await endUpload(ledger, upload.id, { end, now: 2_000 }), { kind: 'ended' });
  const stored = await readUpload(ledger, upload.id, 2_001);
  assert.deepEqual(stored, {
    ...upload,
    status: 'completed',
    partIds: ['part_b', 'part_a'],
    fileId: end.file.id,
  });
  assert.deepEqual(await readFile(ledger, end.file.id), end.file);
  assert.deepEqual(await readParts(ledger, upload.id), []);
});

test('an ended upload ends once, and takes no parts', async () => {
  const upload = await anUpload();
  const first = completion(upload, ['part_a']);
  const second = completion(upload, ['part_a']);
  const ends = await Promise.all(
    [first, second].map((end) => endUpload(ledger, upload.id, { end, now: 2_000 })),
  );
  assert.deepEqual(ends.map((end) => end.kind).toSorted(), ['ended', 'had_ended']);
  assert.equal(await readFile(ledger, second.file.id), null);
  assert.deepEqual(await addPart(ledger, upload.id, aPart('part_c')), {
    kind: 'refused',
    status: 'completed',
  });
  const cancel = await endUpload(ledger, upload.id, { end: { status: 'cancelled' }, now: 3_000 });
  assert.deepEqual(cancel, {
    kind: 'had_ended',
    status: 'completed',
    partIds: ['part_a'],
    fileId: first.file.id,
  });
});

test('past its hour an upload is expired: no part, no completion', async () => {
  const upload = await anUpload();
  const late = upload.expiresAt;
  assert.equal((await readUpload(ledger, upload.id, late - 1))?.status, 'pending');
  assert.equal((await readUpload(ledger, upload.id, late))?.status, 'expired');
  const refused = { kind: 'refused', status: 'expired' };
  assert.deepEqual(await addPart(ledger, upload.id, aPart('part_a', late)), refused);
  const end = completion(upload, []);
  const ended = await endUpload(ledger, upload.id, { end, now: late });
  assert.equal(ended.kind === 'had_ended' && ended.status, 'expired');
  assert.equal(await readFile(ledger, end.file.id), null);
  const swept = await endUpload(ledger, upload.id, { end: { status: 'expired' }, now: late });
  assert.deepEqual(swept, { kind: 'ended' });
});

test('an unknown upload is missing', async () => {
  const id = makeId('upload', randomBytes(16));
  assert.equal(await readUpload(ledger, id, 0), null);
  assert.deepEqual(await addPart(ledger, id, aPart('part_a')), { kind: 'missing' });
  const cancel = await endUpload(ledger, id, { end: { status: 'cancelled' }, now: 0 });
  assert.deepEqual(cancel, { kind: 'missing' });
});

test('an end that is sent again, for its answer was lost, knows itself', async () => {
  const upload = await anUpload();
  await addPart(ledger, upload.id, aPart('part_a'));
  const end = completion(upload, ['part_a']);
  const ends = [1, 2].map(() => endUpload(ledger, upload.id, { end, now: 2_000 }));
  assert.deepEqual(await Promise.all(ends), [{ kind: 'ended' }, { kind: 'ended' }]);
  const other = completion(upload, ['part_a']);
  const late = await endUpload(ledger, upload.id, { end: other, now: 2_000 });
  assert.equal(late.kind, 'had_ended');
  const next = await anUpload();
  const cancel = (by: string) =>
    endUpload(ledger, next.id, { end: { status: 'cancelled', by }, now: 2_000 });
  assert.deepEqual(await cancel('a'), { kind: 'ended' });
  assert.deepEqual(await cancel('a'), { kind: 'ended' });
  assert.equal((await cancel('b')).kind, 'had_ended');
  assert.equal((await readUpload(ledger, next.id, 2_001))?.fileId, null);
});
