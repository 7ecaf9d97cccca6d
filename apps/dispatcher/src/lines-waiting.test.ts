import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinesWaiting } from './lines-waiting.ts';

test('lines of a tenant’s chunks count while they wait, single jobs do not', () => {
  const waiting = new LinesWaiting();
  const chunk = { batch: 'batch_1', tenant: 'a', jobs: 8 };
  waiting.note(chunk, true);
  waiting.note({ ...chunk, jobs: 3 }, true);
  waiting.note({ ...chunk, batch: null }, true);
  assert.deepEqual([waiting.of('a'), waiting.of('b')], [11, 0]);
  waiting.note(chunk, false);
  assert.equal(waiting.of('a'), 3);
  waiting.note({ ...chunk, jobs: 3 }, false);
  assert.equal(waiting.of('a'), 0);
});
