import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { FLEET } from './test-api.ts';

let redis: TestRedis;
const folder = mkdtempSync(join(tmpdir(), 'sluice-main-'));
before(async () => {
  redis = await startRedis();
  writeFileSync(join(folder, 'open.yaml'), FLEET);
  writeFileSync(join(folder, 'bad.yaml'), `${FLEET}\nserver: { max_file_byte: 1 }\n`);
});
after(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

function start(env: Record<string, string>): ChildProcess & { errors: () => string } {
  const { PATH = '' } = process.env;
  const child = fork(new URL('main.ts', import.meta.url), [], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    cwd: folder,
    env: {
      PATH,
      PORT: '0',
      REDIS_URL: redis.url,
      SLUICE_DATA_DIR: folder,
      SLUICE_CONFIG: join(folder, 'open.yaml'),
      ...env,
    },
    silent: true,
  });
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stdout?.resume();
  return Object.assign(child, { errors: () => text });
}

test('it says when it is ready, serves, and ends by itself when told to stop', async () => {
  const child = start({});
  const [ready] = (await once(child, 'message')) as [{ type: string; port: number }];
  assert.equal(ready.type, 'ready');
  const answer = await fetch(`http://127.0.0.1:${ready.port}/healthz`);
  assert.equal(answer.status, 200);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null], child.errors());
});

test('an open address, a wrong config and a missing Redis are refused at the start', async () => {
  const refused: [Record<string, string>, RegExp][] = [
    [{ HOST: '0.0.0.0' }, /HOST=0\.0\.0\.0.*SLUICE_ALLOW_OPEN=1/],
    [{ SLUICE_CONFIG: join(folder, 'bad.yaml') }, /max_file_byte/],
    [{ REDIS_URL: '' }, /REDIS_URL is not set/],
  ];
  for (const [env, message] of refused) {
    const child = start(env);
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 1);
    assert.match(child.errors(), message);
  }
});
