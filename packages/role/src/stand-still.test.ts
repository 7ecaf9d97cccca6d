import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const PROCESS = fileURLToPath(new URL('./standing-still.fixture.ts', import.meta.url));

function start(t: TestContext, what: string) {
  const child = fork(PROCESS, [what], { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { child, exit: once(child, 'exit'), said: () => said };
}

test('a loop that stands still is ended, and says so', async (t) => {
  const { child, exit, said } = start(t, 'block');
  await once(child, 'message');
  assert.deepEqual(await exit, [null, 'SIGKILL']);
  assert.match(said(), /event loop stood still for 0\.5 s/);
});

test('one that goes on is left alone', async (t) => {
  const { exit } = start(t, 'go');
  assert.deepEqual(await exit, [0, null]);
});

test('one that was stopped for longer, and wakes up, is left alone', async (t) => {
  const { child, exit } = start(t, 'go');
  await once(child, 'message');
  child.kill('SIGSTOP');
  // The length of the stop is what is tested.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  child.kill('SIGCONT');
  assert.deepEqual(await exit, [0, null]);
});
