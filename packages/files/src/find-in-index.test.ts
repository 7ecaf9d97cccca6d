import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { findInIndex } from './find-in-index.ts';
import { createIndex, WINDOW_RECORDS } from './index-file.ts';
import { localStore } from './local-store.ts';
import type { FileStore } from './store.ts';

let folder: string;
let files: FileStore;
let reads = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-find-'));
  files = localStore(folder);
});
after(async () => {
  await files.close();
  await rm(folder, { recursive: true });
});

/** The store, counting what is read. */
const counting = (): FileStore => ({
  ...files,
  readAt: (...at) => {
    reads += 1;
    return files.readAt(...at);
  },
});

let made = 0;
async function write(lines: readonly number[]): Promise<{ name: string; records: number }> {
  const name = `batches/b/index-${made++}`;
  const index = await createIndex(files, name);
  for (const line of lines)
    await index.add({
      line,
      offset: line * 100,
      length: 99,
      characters: 1,
      maxOutput: null,
      formats: 1,
    });
  await index.commit();
  return { name, records: lines.length };
}

async function find(index: { name: string; records: number }, line: number) {
  reads = 0;
  const record = await findInIndex(counting(), index, line);
  return record && { line: record.line, offset: record.offset };
}

/** Line numbers that rise by steps: many of 1, some far. */
const lineNumbers = fc
  .array(fc.oneof({ weight: 9, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 5_000 })), {
    maxLength: 4_000,
    size: 'max',
  })
  .map((steps) => {
    let line = 0;
    return steps.map((step) => (line += step));
  });

test('each line there is is found, and no other', async () => {
  await fc.assert(
    fc.asyncProperty(lineNumbers, fc.array(fc.nat(), { maxLength: 20 }), async (lines, picks) => {
      const index = await write(lines);
      const there = new Set(lines);
      for (const pick of picks) {
        const line = lines[pick % Math.max(1, lines.length)] ?? 1;
        for (const one of [line - 1, line, line + 1, pick]) {
          const expected = there.has(one) ? { line: one, offset: one * 100 } : null;
          assert.deepEqual(await find(index, one), expected);
        }
      }
    }),
    { numRuns: 40 },
  );
});

test('lines that were brought together by their keys are found within their window', async () => {
  const lines = Array.from({ length: 3 * WINDOW_RECORDS + 77 }, (_, i) => 2 * i + 1);
  const windows = Array.from({ length: 4 }, (_, i) =>
    lines.slice(i * WINDOW_RECORDS, (i + 1) * WINDOW_RECORDS).toReversed(),
  );
  const index = await write(windows.flat());
  for (const line of [1, 3, 4_097, 8_191, 8_193, 20_001, lines.at(-1) ?? 0])
    assert.equal((await find(index, line))?.line, line);
  for (const line of [0, 2, 8_192, 999_999]) assert.equal(await find(index, line), null);
});

test('of a large file the last line is as quick as the first: a read or a few, however the lines lie', async () => {
  const n = 300_000;
  const all = await write(Array.from({ length: n }, (_, i) => i + 1));
  for (const line of [1, n / 2, n]) {
    assert.deepEqual(await find(all, line), { line, offset: line * 100 });
    assert.equal(reads, 1, `line ${line}`);
  }
  const third = await write(Array.from({ length: n }, (_, i) => 3 * i + 2));
  for (const line of [2, 450_002, 899_999]) {
    assert.equal((await find(third, line))?.line, line);
    assert.ok(reads <= 3, `line ${line}: ${reads} reads`);
  }
  const uneven = await write(
    Array.from({ length: n }, (_, i) => (i < n - 9 ? i + 1 : n * (i - n + 11))),
  );
  for (const line of [1, 200_000, n - 9, 9 * n, 10 * n]) {
    await find(uneven, line);
    assert.ok(
      reads <= 2 * Math.ceil(Math.log2(n / WINDOW_RECORDS)),
      `line ${line}: ${reads} reads`,
    );
  }
});

test('an index that is cut off ends the search', { timeout: 20_000 }, async () => {
  const { name, records } = await write(Array.from({ length: 100 }, (_, i) => i + 1));
  const index = { name, records: records + 3 * WINDOW_RECORDS };
  assert.equal(await find(index, 5_000), null);
  assert.equal((await find(index, 50))?.line, 50);
});
