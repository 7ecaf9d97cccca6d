import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const PROCESS = fileURLToPath(new URL('./role-process.fixture.ts', import.meta.url));

function role(t: TestContext, args: string[] = []) {
  const child = fork(PROCESS, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  t.after(() => child.kill('SIGKILL'));
  const text = { out: '', err: '' };
  child.stdout?.on('data', (chunk: Buffer) => (text.out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (text.err += chunk.toString()));
  const streams = [child.stdout, child.stderr].flatMap((stream) =>
    stream ? [once(stream, 'close')] : [],
  );
  const exit = once(child, 'exit') as Promise<[number | null, string | null]>;
  return { child, text, end: exit.then((how) => Promise.all(streams).then(() => how)) };
}

const WAYS: [what: string, end: (child: ChildProcess) => void][] = [
  ['SIGTERM', (child) => child.kill('SIGTERM')],
  ['SIGINT', (child) => child.kill('SIGINT')],
  ['the end of whoever started it', (child) => child.disconnect()],
];
for (const [what, tell] of WAYS) {
  test(`${what} makes a role drain and exit with 0`, async (t) => {
    const { child, text, end } = role(t);
    assert.deepEqual((await once(child, 'message'))[0], { type: 'ready', port: 7 });
    tell(child);
    assert.deepEqual(await end, [0, null]);
    assert.equal(text.out, 'drained true\n');
  });
}

test('it drains once, however often it is told', async (t) => {
  const { child, text, end } = role(t);
  await once(child, 'message');
  child.kill('SIGTERM');
  child.kill('SIGINT');
  await end;
  assert.equal(text.out, 'drained true\n');
});

test('a role that cannot start says why and exits with 1', async (t) => {
  const { text, end } = role(t, ['REDIS_URL is not set']);
  assert.deepEqual(await end, [1, null]);
  assert.equal(text.err, 'REDIS_URL is not set\n');
});

test('a role that never drains ends all the same, and says so', async (t) => {
  const { child, text, end } = role(t, ['never drains']);
  await once(child, 'message');
  child.disconnect();
  assert.deepEqual(await end, [1, null]);
  assert.match(text.err, /has not drained in 0\.1 s/);
});
