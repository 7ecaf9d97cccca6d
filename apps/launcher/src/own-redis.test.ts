import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startRedis } from '@sluice/testing';
import { OwnRedis } from './own-redis.ts';

const binary = process.env['SLUICE_TEST_REDIS_SERVER'] ?? 'redis-server';

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
  const redis = await OwnRedis.start({ binary, folder, log: 'inherit', announce: assert.fail });
  t.after(() => redis.stop());
  assert.throws(() => process.kill(leftover.pid, 0), { code: 'ESRCH' });
});

test('a server that cannot start is an error, not a wait', async (t) => {
  const options = { folder: folderOf(t), log: 'inherit' as const, announce: assert.fail };
  await assert.rejects(
    OwnRedis.start({ ...options, binary: '/nowhere/redis-server' }),
    /did not start: .*ENOENT/,
  );
  await assert.rejects(
    OwnRedis.start({ ...options, binary: 'false' }),
    /did not start: it ended with code 1/,
  );
});
