// Two folders of files on one Redis: each role refuses the second, and the doctor names it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { freePort, startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';

const ROOT = join(import.meta.dirname, '..');
const CONFIG = `
providers: { p: { type: openai, base_url: "http://127.0.0.1:9/v1", api_key: k } }
deployments: { d: { provider: p, model: m } }
pools: { fast: [d] }
`;

let redis: TestRedis;
let folder: string;
before(async () => {
  redis = await startRedis({ persistent: true });
  folder = mkdtempSync(join(tmpdir(), 'sluice-other-files-'));
  writeFileSync(join(folder, 'sluice.yaml'), CONFIG);
});
after(async () => {
  await redis.stop();
  rmSync(folder, { recursive: true });
});

/** A program of apps/ whose files lie in `data`; `ready`: it is up. */
async function start(app: string, data: string, args: string[] = []) {
  const program = ['--import', 'tsx', join(ROOT, 'apps', app, 'src/main.ts'), ...args];
  const child = spawn(process.execPath, program, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: {
      ...process.env,
      SLUICE_CONFIG: join(folder, 'sluice.yaml'),
      SLUICE_DATA_DIR: join(folder, data),
      REDIS_URL: redis.url,
      PORT: String(await freePort()),
    },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const end = once(child, 'close').then(([code]) => ({ code: code as number, text }));
  const ready = once(child, 'message').then(() => 'ready' as const);
  return { child, end, up: Promise.race([ready, end]) };
}

test('all roles start with the folder that was first, none with another', async (t) => {
  const roles = ['api', 'dispatcher', 'worker'];
  const first = await Promise.all(roles.map((role) => start(role, 'a')));
  t.after(() => first.forEach(({ child }) => child.kill('SIGKILL')));
  for (const { up } of first) assert.equal(await up, 'ready');
  const others = await Promise.all(roles.map((role) => start(role, 'b')));
  t.after(() => others.forEach(({ child }) => child.kill('SIGKILL')));
  for (const { up } of others) {
    const found = await up;
    assert.ok(found !== 'ready', 'it started with other files');
    assert.equal(found.code, 1, found.text);
    assert.match(found.text, /The files of this Redis do not lie in the folder .*\/b\/files/);
  }
  const doctor = await (await start('doctor', 'b', ['--no-calls'])).end;
  assert.equal(doctor.code, 1, doctor.text);
  assert.match(doctor.text, /The files of this Redis do not lie in the folder .*\/b\/files/);
  for (const { child, end } of first) {
    child.kill('SIGTERM');
    assert.equal((await end).code, 0);
  }
});
