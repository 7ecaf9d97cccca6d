import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import {
  type IndexRecord,
  INDEX_RECORD_BYTES,
  createIndex,
  indexName,
  readIndex,
  readKeyedIndex,
} from './index-file.ts';
import { localStore } from './local-store.ts';
import { FileMissing, type FileStore } from './store.ts';

let folder: string;
let store: FileStore;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-index-'));
  store = localStore(folder);
});
after(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

async function write(name: string, records: IndexRecord[]): Promise<void> {
  const index = await createIndex(store, name);
  for (const record of records) await index.add(record);
  const { bytes } = await index.commit();
  assert.equal(bytes, records.length * INDEX_RECORD_BYTES);
}

const u32 = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constant(0xffff_ffff));
const record: fc.Arbitrary<IndexRecord> = fc.record(
  {
    line: u32,
    offset: fc.oneof(
      fc.integer({ min: 0, max: 0xffff_ffff }),
      fc.constant(2 ** 48 - 1),
      fc.constant(2 ** 40 + 7),
    ),
    length: u32,
    characters: u32,
    maxOutput: fc.oneof(
      fc.constant(null),
      fc.integer({ min: 0, max: 0xffff_fffe }),
      fc.constant(0xffff_fffe),
    ),
    formats: fc.integer({ min: 0, max: 0xffff }),
  },
  { noNullPrototype: true },
);

test('any records come back, from anywhere', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { maxLength: 20 }),
      fc.nat(22),
      fc.nat(22),
      async (records, from, count) => {
        await write('property', records);
        const got = await readIndex(store, 'property', { from, count });
        assert.deepEqual(got, records.slice(from, from + count));
      },
    ),
    { numRuns: 60 },
  );
});

test('holds more than one block', async () => {
  const records = Array.from({ length: 5_000 }, (_, n) => ({
    line: n + 1,
    offset: n * 300,
    length: 299,
    characters: n,
    maxOutput: n % 3 === 0 ? null : n,
    formats: 3,
  }));
  const name = indexName('batch_x', 'index-0');
  await write(name, records);
  assert.deepEqual(await readIndex(store, name, { from: 0, count: 10_000 }), records);
  assert.deepEqual(await readIndex(store, name, { from: 4_999, count: 5 }), records.slice(4_999));
  assert.deepEqual(await readIndex(store, name, { from: 5_000, count: 5 }), []);
});

test('what 32 bits cannot hold is recorded as their maximum, never as none', async () => {
  const huge = {
    line: 1,
    offset: 0,
    length: 1,
    characters: 2 ** 40,
    maxOutput: 2 ** 40,
    formats: 1,
  };
  await write('huge', [huge]);
  const [got] = await readIndex(store, 'huge', { from: 0, count: 1 });
  assert.equal(got?.characters, 0xffff_ffff);
  assert.equal(got?.maxOutput, 0xffff_fffe);
});

test('keys lie beside an index: it is read with them, without them, and where there are none', async () => {
  const bare = Array.from({ length: 1_500 }, (_, n) => ({
    line: n + 1,
    offset: n,
    length: 1,
    characters: 1,
    maxOutput: null,
    formats: 1,
  }));
  const records = bare.map((one, n) => ({ ...one, key: n % 4 === 0 ? null : 0xffff_ffff - n }));
  const index = await createIndex(store, 'keyed', { keyed: true });
  for (const one of records) await index.add(one);
  assert.equal((await index.commit()).bytes, records.length * INDEX_RECORD_BYTES);
  const run = { from: 500, count: 900 };
  assert.deepEqual(await readKeyedIndex(store, 'keyed', run), records.slice(500, 1_400));
  assert.deepEqual(await readIndex(store, 'keyed', { from: 0, count: 9_999 }), bare);
  await write('bare', bare);
  const [first] = await readKeyedIndex(store, 'bare', { from: 1, count: 1 });
  assert.deepEqual(first, { ...records[1], key: null });
});

test('an aborted index is not there', async () => {
  const index = await createIndex(store, 'aborted');
  await index.add({ line: 1, offset: 0, length: 1, characters: 1, maxOutput: null, formats: 1 });
  await index.abort();
  await assert.rejects(readIndex(store, 'aborted', { from: 0, count: 1 }), FileMissing);
  const keyed = await createIndex(store, 'aborted', { keyed: true });
  await keyed.add({ line: 1, offset: 0, length: 1, characters: 1, maxOutput: null, formats: 1 });
  await keyed.abort();
  await assert.rejects(readKeyedIndex(store, 'aborted', { from: 0, count: 1 }), FileMissing);
});
