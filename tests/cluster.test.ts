/** The main job's test, and what it leaves out, on a Redis Cluster of three masters. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { startRedisCluster } from '@sluice/testing';

const cluster = await startRedisCluster();
process.env['SLUICE_TEST_REDIS_URL'] = cluster.url;
await import('./main-job.test.ts');
after(() => cluster.stop());
