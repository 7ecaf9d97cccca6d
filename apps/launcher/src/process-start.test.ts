import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { isRunning, markOf } from './process-start.ts';
import type { ProcessMark } from './process-start.ts';

test('a process is known again by its start, not by its id alone', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
  await once(child, 'spawn');
  const mark = markOf(child.pid as number) as ProcessMark;
  assert.equal(isRunning(mark), true);
  assert.deepEqual(markOf(mark.pid), mark, 'the same each time');
  assert.equal(isRunning({ ...mark, started: 'another day' }), false, 'its id was given out again');
  assert.notEqual(markOf(process.pid)?.started, undefined);
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  assert.equal(isRunning(mark), false);
  assert.equal(markOf(mark.pid), null);
});
