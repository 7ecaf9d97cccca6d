/** What every file store must do, whatever it is made of: run it against each implementation. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { type FileStore, FileMissing } from './store.ts';

export interface StoreUnderTest {
  store: FileStore;
  /** Another store on the same data, as another process would have it. */
  other: FileStore;
  destroy(): Promise<void>;
}

export function storeContract(label: string, start: () => Promise<StoreUnderTest>): void {
  void describe(`file store: ${label}`, () => {
    let under: StoreUnderTest;
    const get = (): StoreUnderTest => under;
    before(async () => {
      under = await start();
    });
    after(async () => {
      await under.destroy();
    });
    writingTests(get);
    readingTests(get);
    removingTests(get);
    concatTests(get);
    appenderTests(get);
    nameTests(get);
  });
}

export async function put(store: FileStore, name: string, content: Buffer | string): Promise<void> {
  const writing = await store.create(name);
  await writing.write(Buffer.from(content));
  await writing.commit();
}

export async function readAll(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

type Get = () => StoreUnderTest;
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

function writingTests(get: Get): void {
  void test('nothing is visible before commit, everything after it, to others too', async () => {
    const { store, other } = get();
    const writing = await store.create('files/file-a', { digest: 'sha256' });
    await writing.write(Buffer.from('hello '));
    await writing.write(Buffer.from('world'));
    assert.equal(await other.size('files/file-a'), null);
    const written = await writing.commit();
    assert.deepEqual(written, { bytes: 11, digest: sha256(Buffer.from('hello world')) });
    assert.equal(await other.size('files/file-a'), 11);
    assert.equal(String(await readAll(other.read('files/file-a'))), 'hello world');
  });

  void test('an aborted writing leaves nothing; abort after commit changes nothing', async () => {
    const { store } = get();
    const aborted = await store.create('files/file-b');
    await aborted.write(Buffer.from('x'));
    await aborted.abort();
    assert.equal(await store.size('files/file-b'), null);
    await assert.rejects(aborted.write(Buffer.from('y')));
    await assert.rejects(aborted.commit());
    const committed = await store.create('files/file-b');
    await committed.commit();
    await committed.abort();
    assert.equal(await store.size('files/file-b'), 0);
  });

  void test('committing again replaces, also for a reader that had the file open', async () => {
    const { store } = get();
    await put(store, 'files/file-c', 'first');
    assert.equal(String(await store.readAt('files/file-c', 0, 10)), 'first');
    await put(store, 'files/file-c', 'second');
    assert.equal(String(await store.readAt('files/file-c', 0, 10)), 'second');
  });
}

function readingTests(get: Get): void {
  void test('reads ranges of a file larger than a chunk', async () => {
    const { store } = get();
    const content = randomBytes(700_001);
    await put(store, 'files/file-d', content);
    assert.ok((await readAll(store.read('files/file-d'))).equals(content));
    for (const [start, end] of [
      [0, 1],
      [131_071, 131_073],
      [262_144, 700_001],
      [5, 5],
      [600_000, 900_000],
    ] as const) {
      const got = await readAll(store.read('files/file-d', { start, end }));
      assert.ok(got.equals(content.subarray(start, end)), `${start}-${end}`);
      const at = await store.readAt('files/file-d', start, end - start);
      assert.ok(at.equals(content.subarray(start, end)), `readAt ${start}-${end}`);
    }
  });

  void test('what is missing is said so', async () => {
    const { store } = get();
    assert.equal(await store.size('files/none'), null);
    assert.equal(await store.size('files/file-d/none'), null);
    await assert.rejects(store.readAt('files/none', 0, 1), FileMissing);
    await assert.rejects(readAll(store.read('files/none')), FileMissing);
    await assert.rejects(store.concat(['files/none'], 'files/whole'), FileMissing);
    assert.equal(await store.size('files/whole'), null);
  });

  void test('many readers of many files at once', async () => {
    const { store } = get();
    const names = Array.from({ length: 150 }, (_, n) => `many/file-${n}`);
    await Promise.all(names.map((name) => put(store, name, name)));
    const reads = names.flatMap((name) => [1, 2, 3].map(() => store.readAt(name, 0, 100)));
    const got = await Promise.all(reads);
    assert.deepEqual(
      got.map(String),
      names.flatMap((name) => [name, name, name]),
    );
  });
}

function removingTests(get: Get): void {
  void test('removes one file, or a folder and nothing beside it', async () => {
    const { store } = get();
    for (const name of ['b/one/index-0', 'b/one/index-1', 'b/one/deep/x', 'b/one-more', 'b/on']) {
      await put(store, name, 'x');
    }
    await store.readAt('b/one/index-0', 0, 1);
    await store.remove('b/one/index-1');
    await store.remove('b/one/index-1');
    assert.equal(await store.size('b/one/index-1'), null);
    assert.equal(await store.size('b/one/index-0'), 1);
    await store.removeAll('b/one');
    await store.removeAll('b/one');
    assert.equal(await store.size('b/one/index-0'), null);
    assert.equal(await store.size('b/one/deep/x'), null);
    await assert.rejects(store.readAt('b/one/index-0', 0, 1), FileMissing);
    assert.equal(await store.size('b/one-more'), 1);
    assert.equal(await store.size('b/on'), 1);
  });
}

function concatTests(get: Get): void {
  void test('joins parts in order and keeps them', async () => {
    const { store } = get();
    const parts = [randomBytes(300_000), Buffer.alloc(0), randomBytes(7)];
    const names = parts.map((_, n) => `parts/part_${n}`);
    for (const [n, part] of parts.entries()) await put(store, names[n] as string, part);
    const order = [2, 0, 1, 0];
    const whole = Buffer.concat(order.map((n) => parts[n] as Buffer));
    const from = order.map((n) => names[n] as string);
    const written = await store.concat(from, 'files/joined', { digest: 'sha256' });
    assert.deepEqual(written, { bytes: whole.length, digest: sha256(whole) });
    assert.ok((await readAll(store.read('files/joined'))).equals(whole));
    assert.equal(await store.size('parts/part_0'), 300_000);
  });
}

function appenderTests(get: Get): void {
  void test('every append is readable where its extent says, calls at once included', async () => {
    const { store, other } = get();
    const appender = await store.appender('batches/batch_x/segment-1');
    const texts = Array.from({ length: 200 }, (_, n) => [`a${n};`, '', `b${n};`]);
    const extents = await Promise.all(
      texts.map((text) => appender.append(text.map((part) => Buffer.from(part)))),
    );
    await appender.close();
    for (const [n, { segment, start, end }] of extents.entries()) {
      const got = await readAll(other.read(segment, { start, end }));
      assert.equal(String(got), (texts[n] as string[]).join(''));
      assert.ok((await other.readAt(segment, start, end - start)).equals(got));
    }
  });

  void test('an appender opened again overwrites nothing', async () => {
    const { store } = get();
    const name = 'batches/batch_x/segment-2';
    const first = await store.appender(name);
    const one = await first.append([Buffer.from('one')]);
    await first.close();
    const second = await store.appender(name);
    const two = await second.append([Buffer.from('two')]);
    await second.close();
    for (const [extent, text] of [
      [one, 'one'],
      [two, 'two'],
    ] as const) {
      assert.equal(String(await readAll(store.read(extent.segment, extent))), text);
    }
  });

  void test('a closed appender takes no more', async () => {
    const { store } = get();
    const appender = await store.appender('batches/batch_x/segment-3');
    const last = appender.append([Buffer.from('last')]);
    await appender.close();
    assert.equal((await last).end - (await last).start, 4);
    await assert.rejects(appender.append([Buffer.from('late')]));
  });

  void test('removing a folder removes its segments', async () => {
    const { store } = get();
    const appender = await store.appender('batches/batch_y/segment-1');
    const { segment } = await appender.append([Buffer.from('x')]);
    await appender.close();
    assert.equal(await store.size(segment), 1);
    await store.removeAll('batches/batch_y');
    assert.equal(await store.size(segment), null);
  });
}

function nameTests(get: Get): void {
  void test('refuses names that could leave the store', async () => {
    const { store } = get();
    for (const name of [
      '',
      '.',
      '..',
      '/etc/passwd',
      '../x',
      'a/../b',
      'a//b',
      'a/',
      '.partial/x',
      'a/.b',
      'a\\b',
      'a\0b',
      'a b',
      'ä',
      'x'.repeat(201),
    ]) {
      await assert.rejects(async () => store.create(name), TypeError, JSON.stringify(name));
      await assert.rejects(async () => store.readAt(name, 0, 1), TypeError);
      await assert.rejects(async () => readAll(store.read(name)), TypeError);
      await assert.rejects(async () => store.size(name), TypeError);
      await assert.rejects(async () => store.remove(name), TypeError);
      await assert.rejects(async () => store.removeAll(name), TypeError);
      await assert.rejects(async () => store.concat([], name), TypeError);
      await assert.rejects(async () => store.appender(name), TypeError);
    }
  });
}
