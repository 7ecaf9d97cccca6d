import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatheredWriter } from './gathered-writer.ts';

test('what arrives while a write is under way goes into the next one', async () => {
  const writes: number[][] = [];
  const gate = { release: (): void => undefined };
  const writer = new GatheredWriter<number>({
    most: 3,
    write: (items) => {
      writes.push(items);
      return writes.length === 1
        ? new Promise((resolve) => (gate.release = resolve))
        : Promise.resolve();
    },
    onRetry: () => undefined,
  });
  const first = writer.add(0);
  await new Promise(setImmediate);
  const rest = [1, 2, 3, 4].map((item) => writer.add(item));
  gate.release();
  await Promise.all([first, ...rest]);
  assert.deepEqual(writes, [[0], [1, 2, 3], [4]]);
});

test('a failed write is tried again with the same items until it succeeds', async () => {
  const writes: number[][] = [];
  const retried: unknown[] = [];
  const writer = new GatheredWriter<number>({
    most: 10,
    write: (items) => {
      writes.push(items);
      return writes.length < 3 ? Promise.reject(new Error('away')) : Promise.resolve();
    },
    onRetry: (error) => retried.push(error),
  });
  await Promise.all([writer.add(1), writer.add(2)]);
  assert.equal(retried.length, 2);
  assert.ok(
    writes.every((items) => items === writes[0]),
    'the same array: a write id made for it stays',
  );
});

test('a write is bounded by size too, and has one item at least', async () => {
  const writes: number[][] = [];
  const writer = new GatheredWriter<number>({
    most: 3,
    mostSize: 10,
    sizeOf: (item) => item,
    write: (items) => {
      writes.push(items);
      return Promise.resolve();
    },
    onRetry: () => undefined,
  });
  await Promise.all([5, 5, 1, 30, 2, 2, 2, 2].map((item) => writer.add(item)));
  assert.deepEqual(writes, [[5, 5], [1], [30], [2, 2, 2], [2]]);
});

test('what a write throws at once is tried again too', async () => {
  let tries = 0;
  const writer = new GatheredWriter<number>({
    most: 3,
    write: () => {
      tries += 1;
      if (tries === 1) throw new RangeError('Invalid string length');
      return Promise.resolve();
    },
    onRetry: () => undefined,
  });
  await writer.add(1);
  assert.equal(tries, 2);
});
