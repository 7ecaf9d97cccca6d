import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitting } from './day-room.ts';
import type { Waits } from './day-room.ts';

const waits = (members: string[], fits: boolean): Waits => ({ members, fits: () => fits });

test('a deployment is used up when nothing fits of what waits for it, not when the first does not', () => {
  const kinds = [waits(['a', 'b'], false), waits(['a'], true), waits(['c'], false)];
  const found = fitting(['a', 'b', 'd'], kinds);
  assert.deepEqual(Object.fromEntries(found), { a: true, b: false }, 'for d nothing waits');
});

test('it looks no further than it must', () => {
  let asked = 0;
  const one = { members: ['a'], fits: () => (asked += 1) > 0 };
  fitting(['a'], [one, one, one]);
  assert.equal(asked, 1);
});
