import assert from 'node:assert/strict';
import {
  appendFile,
  mkdir,
  mkdtemp,
  open,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LocalRoot } from './local-root.ts';
import { localStore } from './local-store.ts';
import { storeMark } from './store-mark.ts';
import { put, readAll, storeContract } from './store-contract.ts';

const tempFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'sluice-files-'));

const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

storeContract('local folder', async () => {
  const folder = await tempFolder();
  const store = localStore(join(folder, 'made', 'on', 'demand'));
  const other = localStore(join(folder, 'made', 'on', 'demand'));
  const destroy = async (): Promise<void> => {
    await store.close();
    await other.close();
    await rm(folder, { recursive: true });
  };
  return { store, other, destroy };
});

test('a folder that was removed meanwhile is away, and no new one takes its place', async (t) => {
  const folder = await tempFolder();
  t.after(() => rm(folder, { recursive: true, force: true }));
  const store = localStore(folder);
  await put(store, 'files/a', 'a');
  await rm(folder, { recursive: true });
  await assert.rejects(store.create('files/b'), { code: 'STORE_AWAY', message: /was removed/ });
  await assert.rejects(stat(folder), { code: 'ENOENT' });
});

/** A store in use: marked, with one file, in a folder that can be moved away. */
async function marked(t: TestContext) {
  const folder = await tempFolder();
  const root = join(folder, 'files');
  await storeMark({ store: 'local' }, root).write('mark');
  const store = localStore(root, { marked: true });
  await put(store, 'files/a', 'a');
  t.after(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });
  return { store, root, away: join(folder, 'away') };
}

const AWAY = { code: 'STORE_AWAY' };

test('while its folder is moved away nothing is written, removed or missing, and nothing is lost when it is back', async (t) => {
  const { store, root, away } = await marked(t);
  const appender = await store.appender('batches/b/segment-1');
  const rows = [await appender.append([Buffer.from('before\n')])];
  const half = await store.create('files/half');
  await rename(root, away);
  rows.push(await appender.append([Buffer.from('away\n')]));
  await assert.rejects(store.appender('batches/b/segment-2'), AWAY);
  await assert.rejects(store.create('files/b'), AWAY);
  await assert.rejects(half.commit(), AWAY);
  await assert.rejects(store.size('files/a'), AWAY);
  await assert.rejects(store.readAt('files/b', 0, 1), AWAY);
  await assert.rejects(readAll(store.read('files/a')), AWAY);
  await assert.rejects(store.remove('files/a'), AWAY);
  await assert.rejects(store.removeAll('files'), AWAY);
  await assert.rejects(stat(root), { code: 'ENOENT' });
  await rename(away, root);
  await appender.close();
  const next = await store.appender('batches/b/segment-2');
  rows.push(await next.append([Buffer.from('after\n')]));
  await next.close();
  const texts = await Promise.all(rows.map((row) => readAll(store.read(row.segment, row))));
  assert.equal(texts.join(''), 'before\naway\nafter\n');
  assert.equal(await store.size('files/a'), 1);
  assert.equal(await store.size('files/b'), null);
});

test('a folder without the mark, or with another, is not the store: nothing is written to it', async (t) => {
  const { store, root, away } = await marked(t);
  await rename(root, away);
  await mkdir(root);
  for (const another of [false, true]) {
    if (another) await writeFile(join(root, 'store-id'), 'another\n');
    await assert.rejects(store.appender('batches/b/segment-1'), AWAY);
    await assert.rejects(store.create('files/b'), AWAY);
    await assert.rejects(store.size('files/a'), AWAY);
    assert.deepEqual(await readdir(root), another ? ['store-id'] : []);
  }
  await rm(root, { recursive: true });
  await rename(away, root);
  await put(store, 'files/b', 'b');
});

test('one that comes back between the look at it and the opening of a file has not got that file', async (t) => {
  const { root, away } = await marked(t);
  const known = new LocalRoot(root, { marked: true });
  await known.check('write');
  const name = join(root, 'segment');
  await mkdir(away);
  const elsewhere = await open(join(away, 'segment'), 'w');
  const right = await open(name, 'w');
  t.after(() => Promise.all([elsewhere.close(), right.close()]));
  await known.checkHolds(name, right);
  await assert.rejects(known.checkHolds(name, elsewhere), AWAY);
});

test('a store that is marked is away before it has a mark', async (t) => {
  const folder = await tempFolder();
  t.after(() => rm(folder, { recursive: true }));
  const root = join(folder, 'files');
  const store = localStore(root, { marked: true });
  await assert.rejects(store.create('files/a'), AWAY);
  await assert.rejects(stat(root), { code: 'ENOENT' });
  await storeMark({ store: 'local' }, root).write('mark');
  await put(store, 'files/a', 'a');
});

test('a file in the place of a folder is a refusal that says what to do', async (t) => {
  const { store, root } = await marked(t);
  await writeFile(join(root, 'batches'), '');
  await assert.rejects(store.appender('batches/b/segment-1'), {
    name: 'StoreRefuses',
    advice: 'a file lies where it needs a folder; move that away (ENOTDIR)',
  });
});

test('a torn tail left by a crash is never part of an extent', async (t) => {
  const folder = await tempFolder();
  t.after(() => rm(folder, { recursive: true }));
  const store = localStore(folder);
  const first = await store.appender('segment');
  const one = await first.append([Buffer.from('one\n')]);
  await first.close();
  await appendFile(join(folder, 'segment'), 'to');
  const second = await store.appender('segment');
  const two = await second.append([Buffer.from('two\n')]);
  await second.close();
  assert.equal(String(await readAll(store.read('segment', one))), 'one\n');
  assert.equal(String(await readAll(store.read('segment', two))), 'two\n');
  assert.equal(await readFile(join(folder, 'segment'), 'utf8'), 'one\ntotwo\n');
});

test('an append that fails fails those behind it too, and the next appender goes on', async (t) => {
  const folder = await tempFolder();
  t.after(() => rm(folder, { recursive: true }));
  const store = localStore(folder);
  const appender = await store.appender('segment');
  const tooMuch = [null as unknown as Buffer];
  const both = [appender.append(tooMuch), appender.append([Buffer.from('behind')])];
  const ends = await Promise.allSettled(both);
  assert.deepEqual(
    ends.map((end) => end.status),
    ['rejected', 'rejected'],
  );
  await assert.rejects(appender.append([Buffer.from('later')]));
  await appender.close();
  const next = await store.appender('segment');
  assert.deepEqual(await next.append([Buffer.from('x')]), { segment: 'segment', start: 0, end: 1 });
  await next.close();
});

test('what a dead process left half written is swept after a day, what is recent stays', async (t) => {
  const folder = await tempFolder();
  t.after(() => rm(folder, { recursive: true }));
  const partial = join(folder, '.partial');
  await mkdir(partial);
  await writeFile(join(partial, 'old'), 'x');
  await writeFile(join(partial, 'recent'), 'x');
  const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
  await utimes(join(partial, 'old'), twoDaysAgo, twoDaysAgo);
  await put(localStore(folder), 'files/new', 'x');
  assert.deepEqual(await readdir(partial), ['recent']);
});

test('files and folders are for their owner alone', async (t) => {
  const folder = await tempFolder();
  t.after(() => rm(folder, { recursive: true }));
  const store = localStore(join(folder, 'data'));
  await put(store, 'files/file-a', 'x');
  assert.equal(await mode(join(folder, 'data', 'files', 'file-a')), 0o600);
  assert.equal(await mode(join(folder, 'data', 'files')), 0o700);
});
