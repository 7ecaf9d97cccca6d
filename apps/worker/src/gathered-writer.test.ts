import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatheredWriter } from './gathered-writer.ts';
import type { Turn } from './gathered-writer.ts';

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
  const turns: Turn[] = [];
  const retried: unknown[] = [];
  const writer = new GatheredWriter<number>({
    most: 10,
    write: (items, turn) => {
      writes.push(items);
      turns.push(turn);
      return writes.length < 3 ? Promise.reject(new Error('away')) : Promise.resolve();
    },
    onRetry: (error) => retried.push(error),
  });
  await Promise.all([writer.add(1), writer.add(2)]);
  assert.equal(retried.length, 2);
  await writer.add(3);
  assert.deepEqual(writes, [[1, 2], [1, 2], [1, 2], [3]]);
  assert.deepEqual(
    turns.map(({ id }) => id),
    [1, 1, 1, 2],
    'tried again, it is still the same write',
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
