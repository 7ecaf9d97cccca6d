import assert from 'node:assert/strict';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { localStore } from './local-store.ts';
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
