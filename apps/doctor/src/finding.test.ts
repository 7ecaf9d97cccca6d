import assert from 'node:assert/strict';
import { test } from 'node:test';
import { good, report, warning, wrong } from './finding.ts';

const lastOf = (findings: Parameters<typeof report>[0]) => report(findings).split('\n').at(-1);

test('the last line counts what was found, one or many', () => {
  const [error, hint] = [wrong('a', 'is wrong', 'mend it'), warning('b', 'is odd', 'look')];
  assert.equal(lastOf([error, hint, good('c', 'is well')]), '1 error, 1 warning');
  assert.equal(lastOf([error, error]), '2 errors, 0 warnings');
});
