import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type TestS3, findS3Server, standStill, startS3 } from '@sluice/testing';
import { refuseStore } from './open-store.ts';
import type { S3Place } from './s3-client.ts';
import { s3Store } from './s3-store.ts';
import { encodeRecorded, readRecorded } from './segment.ts';
import { put, readAll, storeContract } from './store-contract.ts';
import { type FileStore, StoreAway } from './store.ts';

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const skip =
  findS3Server() === null &&
  'no S3-compatible server here: sh scripts/setup/s3-server.sh installs it';

const placeAt = (server: TestS3, different: Partial<S3Place> = {}): S3Place => ({
  bucket: server.bucket,
  prefix: 'some/where/',
  region: 'us-east-1',
  endpoint: server.endpoint,
  pathStyle: true,
  credentials: { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey },
  ...different,
});

if (!skip)
  storeContract('S3', async () => {
    const server = await startS3();
    const store = s3Store(placeAt(server), 'background');
    const other = s3Store(placeAt(server), 'serving');
    const destroy = async (): Promise<void> => {
      await store.close();
      await other.close();
      await server.stop();
    };
    return { store, other, destroy };
  });

void describe('a bucket', { skip }, () => {
  let server: TestS3;
  let store: FileStore;
  before(async () => {
    server = await startS3();
    store = s3Store(placeAt(server), 'background');
  });
  after(async () => {
    await store.close();
    await server.stop();
  });

  void test('a file of many parts is written in bounded memory, aborted without a trace', async () => {
    const piece = randomBytes(1_000_003);
    const count = 128;
    const writing = await store.create('files/large', { digest: 'sha256' });
    const hash = createHash('sha256');
    const base = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (let n = 0; n < count; n += 1) {
      await writing.write(piece);
      hash.update(piece);
      most = Math.max(most, process.memoryUsage().arrayBuffers - base);
    }
    assert.equal(await store.size('files/large'), null);
    const bytes = count * piece.length;
    assert.deepEqual(await writing.commit(), { bytes, digest: hash.digest('hex') });
    assert.ok(most < 50_000_000, `held ${most} bytes`);
    assert.equal(await store.size('files/large'), bytes);
    const at = 31 * piece.length - 10;
    const joint = Buffer.concat([piece.subarray(-10), piece.subarray(0, 10)]);
    assert.ok((await store.readAt('files/large', at, 20)).equals(joint));
    const aborted = await store.create('files/aborted');
    for (let n = 0; n < 20; n += 1) await aborted.write(piece);
    await aborted.abort();
    assert.equal(await store.size('files/aborted'), null);
  });

  void test('large parts are joined by the store, with and without a digest', async () => {
    const parts = [randomBytes(6_000_000), Buffer.alloc(0), randomBytes(5_300_000), randomBytes(9)];
    const names = parts.map((_, n) => `parts/large_${n}`);
    for (const [n, part] of parts.entries()) await put(store, names[n] as string, part);
    const whole = Buffer.concat(parts);
    const plain = await store.concat(names, 'files/copied');
    assert.deepEqual(plain, { bytes: whole.length, digest: null });
    assert.ok((await readAll(store.read('files/copied'))).equals(whole));
    const digested = await store.concat(names, 'files/copied-too', { digest: 'sha256' });
    assert.deepEqual(digested, { bytes: whole.length, digest: sha256(whole) });
  });

  void test('appends at once share an object, and all go with their folder', async () => {
    const appender = await store.appender('batches/batch_z/segment-1');
    const rows = Array.from({ length: 300 }, (_, n) => ({
      line: n + 1,
      ok: true,
      output: `{"n":${n}}`,
      extras: '{}',
    }));
    const extents = [];
    for (let n = 0; n < rows.length; n += 10) {
      const group = rows
        .slice(n, n + 10)
        .map((row) => appender.append([Buffer.from(encodeRecorded(row))]));
      extents.push(...(await Promise.all(group)));
    }
    await appender.close();
    assert.equal(new Set(extents.map(({ segment }) => segment)).size, 30);
    const read: string[] = [];
    for await (const lines of readRecorded(store, extents))
      read.push(...lines.map(({ output }) => String(output)));
    assert.deepEqual(
      read,
      rows.map(({ output }) => output),
    );
    await store.removeAll('batches/batch_z');
    const left = await readdir(join(server.folder, 'some/where/batches')).catch(() => []);
    assert.deepEqual(
      left.filter((name) => name === 'batch_z'),
      [],
    );
  });

  void test('the check of a start says what is wrong and what to do', async () => {
    const place = { store: 's3', ...placeAt(server) } as const;
    assert.equal(await refuseStore(place, ''), null);
    assert.match(
      (await refuseStore({ ...place, bucket: 'not-there' }, '')) ?? '',
      /no such bucket; make it/,
    );
    const credentials = { accessKeyId: server.accessKeyId, secretAccessKey: 'another' };
    const refused = (await refuseStore({ ...place, credentials }, '')) ?? '';
    assert.match(refused, /files\.secret_access_key/);
    assert.doesNotMatch(refused, /another/);
    const nobody = { ...place, endpoint: 'http://127.0.0.1:9' };
    assert.match((await refuseStore(nobody, '')) ?? '', /no answer; check `files\.endpoint`/);
  });

  void test('a store that hangs is told within two seconds where somebody waits, and works again after', async () => {
    const serving = s3Store(placeAt(server), 'serving');
    await put(serving, 'files/small', 'x');
    await standStill(server.pid);
    try {
      const began = performance.now();
      await assert.rejects(serving.readAt('files/small', 0, 1), StoreAway);
      await assert.rejects(
        serving.size('files/small').then(() => undefined),
        StoreAway,
      );
      assert.ok(performance.now() - began < 4_000);
    } finally {
      process.kill(server.pid, 'SIGCONT');
    }
    assert.equal(String(await serving.readAt('files/small', 0, 1)), 'x');
    await serving.close();
  });
});
