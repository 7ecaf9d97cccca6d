import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { startRedis } from '@sluice/testing';
import { judgeRedis, refuseRedis, refuseUnfit } from './check-redis.ts';

const info = (version: string, policy: string): string =>
  `# Server\r\nredis_version:${version}\r\nredis_mode:standalone\r\n# Memory\r\nmaxmemory_policy:${policy}\r\n`;

test('6.2 and later that evict nothing are good', () => {
  for (const version of ['6.2.0', '7.0.15', '8.2.1', '10.0.0']) {
    assert.equal(judgeRedis('here', info(version, 'noeviction')), null, version);
  }
});

test('older ones, and those that evict, are refused with what was found', () => {
  assert.match(
    judgeRedis('here', info('6.0.16', 'noeviction')) ?? '',
    /version 6\.0\.16; allowed: 6\.2 or later/,
  );
  assert.match(
    judgeRedis('here', info('7.0.0', 'volatile-ttl')) ?? '',
    /maxmemory-policy volatile-ttl/,
  );
});

test('a node of a Cluster is refused as a Redis of its own', () => {
  const node = `${info('7.0.0', 'noeviction')}cluster_enabled:1\r\n`;
  assert.match(judgeRedis('redis://here', node) ?? '', /allowed: redis\+cluster:/);
  assert.equal(judgeRedis('rediss+cluster://here', node), null);
});

test('whoever may wait for Redis refuses one that evicts, and not one that is away', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const admin = new Redis(redis.url);
  assert.equal(await refuseUnfit(redis.url), null);
  await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
  assert.match((await refuseUnfit(redis.url)) ?? '', /maxmemory-policy allkeys-lru/);
  assert.match((await refuseRedis(redis.url)) ?? '', /maxmemory-policy allkeys-lru/);
  admin.disconnect();
  await redis.stop();
  assert.equal(await refuseUnfit(redis.url), null);
  assert.match((await refuseRedis(redis.url)) ?? '', /No Redis answers/);
});
