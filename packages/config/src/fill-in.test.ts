import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillIn } from './fill-in.ts';
import type { Mistake } from './mistake.ts';

const readFile = (path: string): string => {
  if (path === '/secret') return 'hush\n';
  throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
};

function fill(tree: unknown): { filled: unknown; found: string[] } {
  const mistakes: Mistake[] = [];
  const env = { A: 'x', EMPTY: '', TRICK: 'a: [${A}]' };
  const filled = fillIn(tree, { env, readFile }, mistakes);
  return { filled, found: mistakes.map(({ path, found }) => `${path}: ${found}`) };
}

test('variables, defaults and files are filled in wherever strings stand', () => {
  const { filled, found } = fill({
    plain: '${A}',
    inside: ['<${A}${A}>', 7, null],
    fallback: '${NO:-http://h:1/v1}',
    empty: '${EMPTY:-used}',
    file: '${file:/secret}',
    escaped: '$${A}',
  });
  assert.deepEqual(filled, {
    plain: 'x',
    inside: ['<xx>', 7, null],
    fallback: 'http://h:1/v1',
    empty: 'used',
    file: 'hush',
    escaped: '${A}',
  });
  assert.deepEqual(found, []);
});

test('what is filled in stays a string: it is neither parsed nor filled in again', () => {
  assert.deepEqual(fill('${TRICK}').filled, 'a: [${A}]');
});

test('every unset variable, unreadable file and malformed placeholder is reported with its path', () => {
  const { found } = fill({ a: ['${NO} ${EMPTY}'], b: { c: '${file:/none}', d: '${}' } });
  assert.deepEqual(found, [
    'a[0]: ${NO}, not set',
    'a[0]: ${EMPTY}, is empty',
    'b.c: ${file:/none}: ENOENT',
    'b.d: ${}',
  ]);
});
