import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadEnvironment, refuseOpenAddress } from './environment.ts';

test('an empty environment has every default', () => {
  assert.deepEqual(loadEnvironment({ PORT: '' }), {
    kind: 'ok',
    environment: {
      port: 8080,
      host: '127.0.0.1',
      allowOpen: false,
      redisUrl: null,
      prefix: 'sluice',
      configPath: null,
      dataDir: '.sluice',
      logLevel: 'info',
    },
  });
});

test('every wrong variable is named with what is allowed; a Redis URL is not quoted', () => {
  const result = loadEnvironment({
    PORT: '99999',
    REDIS_URL: 'http://:hunter2@h',
    LOG_LEVEL: 'loud',
  });
  assert.ok(result.kind === 'invalid');
  assert.deepEqual(
    result.mistakes.map(({ path, found, allowed }) => `${path}: ${found}; ${allowed}`),
    [
      'PORT: "99999"; a port from 0 to 65535; 0 = any free one',
      'REDIS_URL: another text; a redis:// or rediss:// URL, redis+sentinel://host:port,host:port/master, or redis+cluster://host:port,host:port',
      'LOG_LEVEL: "loud"; fatal, error, warn, info, debug, trace, silent',
    ],
  );
});

test('without tenants only loopback may be listened on, unless allowed', () => {
  const tenant = { id: 't', keyHashes: ['x'], weight: 1, pools: null, limits: {} };
  const refused = (host: string, allowOpen = false, tenants = [] as (typeof tenant)[]): boolean =>
    refuseOpenAddress({ host, allowOpen }, tenants) !== null;
  assert.deepEqual(
    ['127.0.0.1', 'localhost', '::1', '127.8.8.8'].map((host) => refused(host)),
    [false, false, false, false],
  );
  assert.deepEqual(
    ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.evil.example'].map((host) => refused(host)),
    [true, true, true, true],
  );
  assert.equal(refused('0.0.0.0', true), false);
  assert.equal(refused('0.0.0.0', false, [tenant]), false);
});
