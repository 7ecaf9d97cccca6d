import assert from 'node:assert/strict';
import { mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { until } from '@sluice/testing';
import { OpenFiles } from './open-files.ts';

async function filesOnDisk(t: TestContext, count: number): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-open-'));
  t.after(() => rm(folder, { recursive: true }));
  const paths = Array.from({ length: count }, (_, n) => join(folder, String(n)));
  for (const path of paths) await writeFile(path, path);
  return paths;
}

/** How many descriptors this process really has on files below the folder of `path` (Linux). */
async function descriptors(path: string): Promise<number> {
  const folder = join(path, '..');
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return links.filter((link) => link.startsWith(folder)).length;
}

const onLinux = { skip: process.platform !== 'linux' && 'needs /proc' };

test('keeps at most its limit open and forgets the longest unused', onLinux, async (t) => {
  const paths = await filesOnDisk(t, 5);
  const files = new OpenFiles({ limit: 3 });
  for (const path of paths) await files.use(path, (handle) => handle.stat());
  assert.equal(files.size, 3);
  await until('evicted files are closed', async () => (await descriptors(paths[0]!)) === 3);
  await files.closeAll();
  assert.equal(await descriptors(paths[0]!), 0);
});

test(
  'a file in use stays open although dropped, and is closed by its last user',
  onLinux,
  async (t) => {
    const [path] = (await filesOnDisk(t, 1)) as [string];
    const files = new OpenFiles();
    await files.use(path, async (handle) => {
      await files.use(path, async () => files.drop(path));
      assert.equal(files.size, 0);
      assert.equal(String(await handle.readFile()), path);
    });
    assert.equal(await descriptors(path), 0);
  },
);

test('a folder dropped drops what lies below it', async (t) => {
  const paths = await filesOnDisk(t, 2);
  const files = new OpenFiles();
  for (const path of paths) await files.use(path, (handle) => handle.stat());
  await files.drop(join(paths[0]!, '..'));
  assert.equal(files.size, 0);
});

test('closes what nobody has used for a while', onLinux, async (t) => {
  const [path] = (await filesOnDisk(t, 1)) as [string];
  const files = new OpenFiles({ idleMs: 5 });
  await files.use(path, (handle) => handle.stat());
  await until('the idle file is closed', async () => (await descriptors(path)) === 0);
  await files.closeAll();
});

test('a file that could not be opened is tried again', async (t) => {
  const [path] = (await filesOnDisk(t, 1)) as [string];
  const files = new OpenFiles();
  const missing = `${path}-later`;
  await assert.rejects(
    files.use(missing, (handle) => handle.stat()),
    { code: 'ENOENT' },
  );
  await writeFile(missing, 'x');
  assert.equal((await files.use(missing, (handle) => handle.stat())).size, 1);
  await files.closeAll();
});
