import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { SharedReads } from './shared-reads.ts';

/** A store whose reads end when they are told to. */
class Store {
  readonly begun: string[] = [];
  readonly #open: { end: (value: string) => void; fail: (error: Error) => void }[] = [];
  most = 0;

  read = (key: string): Promise<string> => {
    this.begun.push(key);
    return new Promise((end, fail) => {
      this.#open.push({ end, fail });
      this.most = Math.max(this.most, this.#open.length);
    });
  };

  async end(value: string): Promise<void> {
    this.#open.shift()?.end(value);
    await turn();
  }

  async fail(error: Error): Promise<void> {
    this.#open.shift()?.fail(error);
    await turn();
  }
}

test('who asks while nothing was read yet shares one read; who asks later gets a later one', async () => {
  const store = new Store();
  const reads = new SharedReads(store.read);
  const first = reads.get('a');
  await turn();
  const later = Array.from({ length: 1_000 }, () => reads.get('a'));
  await turn();
  assert.deepEqual(store.begun, ['a']);
  await store.end('before the news');
  assert.deepEqual(store.begun, ['a', 'a']);
  await store.end('after the news');
  assert.equal(await first, 'before the news');
  assert.deepEqual(new Set(await Promise.all(later)), new Set(['after the news']));
  void reads.get('a');
  await turn();
  assert.equal(store.begun.length, 3);
});

test('only so many at once, first come, first served; one that fails is nobody else’s', async () => {
  const store = new Store();
  const reads = new SharedReads(store.read, 2);
  const all = ['a', 'b', 'c', 'd', 'e'].map((key) => reads.get(key));
  const settled = Promise.allSettled(all);
  await turn();
  await store.fail(new Error('WRONGTYPE'));
  for (const value of ['B', 'C', 'D', 'E']) await store.end(value);
  assert.deepEqual(store.begun, ['a', 'b', 'c', 'd', 'e']);
  assert.equal(store.most, 2);
  const values = (await settled).map((one) => ('value' in one ? one.value : null));
  assert.deepEqual(values, [null, 'B', 'C', 'D', 'E']);
});

test('where the store is away all that wait fail with the first, and the next is asked for again', async () => {
  const store = new Store();
  const reads = new SharedReads(store.read, 1);
  const settled = Promise.allSettled(['a', 'b', 'c'].map((key) => reads.get(key)));
  await turn();
  await store.fail(new Error('Command timed out'));
  assert.deepEqual(new Set((await settled).map(({ status }) => status)), new Set(['rejected']));
  assert.deepEqual(store.begun, ['a']);
  const next = reads.get('b');
  await turn();
  await store.end('B');
  assert.equal(await next, 'B');
});
