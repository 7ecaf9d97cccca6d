/** Waiting for a connection, against one that is said to be there or not: many may wait at once. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { Redis } from 'ioredis';
import { connected } from './connected.ts';

class Line extends EventEmitter {
  status = 'reconnecting';

  becomes(status: string): void {
    this.status = status;
    this.emit(status);
  }
}

function setUp() {
  const line = new Line();
  return { line, wait: (ms: number) => connected(line as unknown as Redis, ms) };
}

const count = (line: Line): number => line.listenerCount('ready');

test('thousands wait with one listener, and all go on when it is back; so again at the next outage', async () => {
  const { line, wait } = setUp();
  const outage = async (): Promise<void> => {
    line.becomes('reconnecting');
    const asked = Array.from({ length: 2_000 }, () => wait(60_000));
    assert.equal(count(line), 1);
    line.becomes('ready');
    const answers = await Promise.all(asked);
    assert.ok(answers.every(Boolean));
    assert.equal(count(line), 0);
  };
  await outage();
  await outage();
});

test('each waits as long as it would, and no longer for the others', async () => {
  const { line, wait } = setUp();
  const patient = wait(60_000);
  assert.equal(await wait(1), false);
  assert.equal(await wait(0), false);
  line.becomes('ready');
  assert.equal(await patient, true);
  assert.equal(await wait(0), true);
});
