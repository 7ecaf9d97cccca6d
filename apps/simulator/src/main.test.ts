import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { freePort, until } from '@sluice/testing';

const MAIN = new URL('main.ts', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'sluice-simulator-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function run(env: Record<string, string>): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text };
}

describe('the simulator as a process', () => {
  it('plays the demo without a config and closes on SIGTERM', async () => {
    const port = await freePort();
    const { child, output } = run({ PORT: String(port) });
    const exited = once(child, 'exit');
    await until('it listens', () => output().includes('simulator listens'));
    const response = await fetch(`http://127.0.0.1:${port}/v1/models`, {
      headers: { authorization: 'Bearer sim-c' },
    });
    assert.equal(response.status, 200);
    child.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
  });

  it('closes with whoever started it', async () => {
    const { child } = run({ PORT: String(await freePort()) });
    const exited = once(child, 'exit');
    await once(child, 'message');
    child.disconnect();
    assert.deepEqual(await exited, [0, null]);
  });

  it('says in a sentence where it looked for a config that is not there, or is no JSON', async () => {
    const path = join(folder, 'gone.json');
    const { child, output } = run({ SIMULATOR_CONFIG: path, PORT: '0' });
    assert.deepEqual(await once(child, 'close'), [1, null]);
    assert.ok(output().startsWith(`SIMULATOR_CONFIG names ${path}, and there is no such file. `));
    assert.match(output(), /README\.md shows, or leave SIMULATOR_CONFIG out/);
    const torn = join(folder, 'torn.json');
    writeFileSync(torn, '{"accounts"');
    const other = run({ SIMULATOR_CONFIG: torn, PORT: '0' });
    assert.deepEqual(await once(other.child, 'close'), [1, null]);
    assert.ok(other.output().startsWith(`SIMULATOR_CONFIG names ${torn}, which cannot be read: `));
  });

  it('says what is wrong with its config and starts nothing', async () => {
    const file = join(folder, 'wrong.json');
    writeFileSync(file, '{"accounts":{"a":{"key":"k","windo":"bucket_1s"}}}');
    const { child, output } = run({ SIMULATOR_CONFIG: file, PORT: '0' });
    assert.deepEqual(await once(child, 'exit'), [1, null]);
    assert.match(output(), /accounts\.a: .*windo/);
  });
});
