import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startRedis } from '@sluice/testing';
import { OwnRedis } from './own-redis.ts';
import { isRunning, markOf } from './process-start.ts';

const binary = process.env['SLUICE_TEST_REDIS_SERVER'] ?? 'redis-server';

const quiet = {
  binary,
  log: 'inherit' as const,
  announce: assert.fail,
  started: () => undefined,
  before: null,
};

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-own-redis-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('one left behind by a launcher that was killed is ended first: two must not share a file', async (t) => {
  const folder = folderOf(t);
  const leftover = await startRedis();
  t.after(() => leftover.stop());
  writeFileSync(join(folder, 'url'), leftover.url);
  const redis = await OwnRedis.start({ ...quiet, folder });
  t.after(() => redis.stop());
  assert.throws(() => process.kill(leftover.pid, 0), { code: 'ESRCH' });
});

test('one left behind that hangs is killed: it has written all that it acknowledged', async (t) => {
  const folder = folderOf(t);
  const leftover = await startRedis();
  t.after(() => leftover.stop());
  writeFileSync(join(folder, 'url'), leftover.url);
  const before = markOf(leftover.pid);
  assert.ok(before);
  process.kill(leftover.pid, 'SIGSTOP');
  // SIGTERM waits for a stopped process to go on; SIGKILL does not.
  const redis = await OwnRedis.start({ ...quiet, folder, before });
  t.after(() => redis.stop());
  assert.equal(isRunning(before), false);
});

test('one that hangs and that nothing is known of is not started beside', async (t) => {
  const folder = folderOf(t);
  const leftover = await startRedis();
  t.after(async () => {
    process.kill(leftover.pid, 'SIGCONT');
    await leftover.stop();
  });
  writeFileSync(join(folder, 'url'), leftover.url);
  process.kill(leftover.pid, 'SIGSTOP');
  await assert.rejects(
    OwnRedis.start({ ...quiet, folder }),
    new RegExp(`still listens on port ${leftover.port} .*lsof -i :${leftover.port}.*delete .*url`),
  );
});

test('a server that cannot start is an error, not a wait', async (t) => {
  const options = { ...quiet, folder: folderOf(t) };
  await assert.rejects(
    OwnRedis.start({ ...options, binary: '/nowhere/redis-server' }),
    /did not start: .*ENOENT/,
  );
  await assert.rejects(
    OwnRedis.start({ ...options, binary: 'false' }),
    /did not start: it ended with code 1/,
  );
});

test('where nobody asked for a file its log goes into its folder, not among what is told to users', async (t) => {
  const folder = folderOf(t);
  const redis = await OwnRedis.start({ ...quiet, folder });
  await redis.stop();
  assert.match(readFileSync(join(folder, 'redis.log'), 'utf8'), /shutdown/i);
});
