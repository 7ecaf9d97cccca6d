import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCidr } from './cidr.ts';

test('ranges and single addresses are read in both families', () => {
  const cases = ['10.0.0.0/8', '127.0.0.1', 'fd00::/8', '::1'].map(parseCidr);
  assert.deepEqual(cases, ['10.0.0.0/8', '127.0.0.1/32', 'fd00::/8', '::1/128']);
});

test('anything else is refused', () => {
  for (const text of [
    '',
    'localhost',
    '10.0.0.0/33',
    '10.0.0/8',
    '::/129',
    '10.0.0.0/8/8',
    '10.0.0.0/',
  ]) {
    assert.equal(parseCidr(text), null, text);
  }
});
