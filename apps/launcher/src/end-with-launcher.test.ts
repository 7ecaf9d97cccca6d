import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { until } from '@sluice/testing';

/** Starts a role as the launcher does, on the leash, and says its process id. */
const PARENT = `
const { spawn } = require('node:child_process');
const role = "process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1e6); process.send('up')";
const child = spawn(process.execPath, ['--import', process.argv[1], '-e', role], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], detached: true });
child.on('message', () => process.stdout.write(String(child.pid)));
`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('a role ends by itself when its launcher is killed', async () => {
  const leash = join(import.meta.dirname, 'end-with-launcher.mjs');
  const parent = spawn(process.execPath, ['-e', PARENT, leash], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [text] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(text);
  assert.ok(isAlive(pid));
  parent.kill('SIGKILL');
  await until('the role has ended', () => !isAlive(pid));
});
