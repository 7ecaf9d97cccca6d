import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noSuch } from './find-job.ts';

test('who asks for what is not there is told what there is, as far as there is room', () => {
  const names = Array.from({ length: 400 }, (_, i) => `d${i}`);
  assert.throws(() => noSuch('deployment', 'x', names), {
    message: new RegExp(
      '^No such deployment object: x\\. There are: d0, d1, .*, d19 and 380 more\\.$',
    ),
  });
  assert.throws(() => noSuch('job', 'x'), { message: 'No such job object: x' });
});
