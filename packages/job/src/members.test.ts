import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pool } from './deployment.ts';
import { membersOf, tiersOf } from './members.ts';

const fast = { id: 'fast', tiers: [['a', 'b'], ['c']] } as unknown as Pool;
const FLEET = { pools: new Map([['fast', fast]]) };

test('a pool has its tiers, deployment/<id> is one of that one, and what the config does not know is nothing', () => {
  assert.deepEqual(tiersOf(FLEET, 'fast'), [['a', 'b'], ['c']]);
  assert.deepEqual(tiersOf(FLEET, 'deployment/a'), [['a']]);
  assert.equal(tiersOf(FLEET, 'gone'), null);
});

test('members up to a tier', () => {
  assert.deepEqual(membersOf(FLEET, 'fast'), ['a', 'b', 'c']);
  assert.deepEqual(membersOf(FLEET, 'fast', 1), ['a', 'b']);
  assert.deepEqual(membersOf(FLEET, 'fast', 9), ['a', 'b', 'c']);
  assert.deepEqual(membersOf(FLEET, 'deployment/a', 2), ['a']);
  assert.equal(membersOf(FLEET, 'gone', 1), null);
});
