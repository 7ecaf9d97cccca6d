// A process that stood still longer than a call's timeout: what had arrived meanwhile is an answer, not a timeout.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const PROCESS = fileURLToPath(new URL('./caller-process.fixture.ts', import.meta.url));
const TIMEOUT_MS = 500;

interface End {
  kind: string;
  length: number;
}

/** A process that waits for the answer to its call, and the answer in our hands. */
async function callInFlight(t: TestContext) {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const arrived = once(server, 'request');
  const child = fork(PROCESS, [`http://127.0.0.1:${port}/`, String(TIMEOUT_MS)]);
  t.after(() => {
    child.kill('SIGKILL');
    server.closeAllConnections();
    server.close();
  });
  const end = once(child, 'message') as Promise<[End]>;
  const [, response] = (await arrived) as [unknown, ServerResponse];
  return { child, end, response };
}

/** Lets the call's time run out while its process stands still. */
async function standStill(child: ChildProcess, meanwhile: () => void): Promise<void> {
  child.kill('SIGSTOP');
  meanwhile();
  await wait(TIMEOUT_MS + 400);
  child.kill('SIGCONT');
}

test('an answer that arrived while the process was stopped is read', async (t) => {
  const { child, end, response } = await callInFlight(t);
  await standStill(child, () => response.end('{"x":1}'));
  assert.deepEqual((await end)[0], { kind: 'answer', length: 7 });
});

test('so is the body of an answer whose head was read before', async (t) => {
  const { child, end, response } = await callInFlight(t);
  response.writeHead(200).write('{"x":');
  await standStill(child, () => response.end('1}'));
  assert.deepEqual((await end)[0], { kind: 'answer', length: 7 });
});

test('so is an answer too long for the sockets in between', async (t) => {
  const { child, end, response } = await callInFlight(t);
  const length = 24 * 1024 * 1024;
  await standStill(child, () => response.end('x'.repeat(length)));
  assert.deepEqual((await end)[0], { kind: 'answer', length });
});

test('a call without an answer still ends by its timeout', async (t) => {
  const { child, end } = await callInFlight(t);
  await standStill(child, () => undefined);
  assert.deepEqual((await end)[0], { kind: 'timeout', length: 0 });
});
