import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fits, includesPattern } from './pattern.ts';

const CASES: [pattern: string, name: string, fitting: boolean][] = [
  ['gpt-4o', 'gpt-4o', true],
  ['gpt-4o', 'gpt-4o-mini', false],
  ['gpt-4*', 'gpt-4', true],
  ['gpt-4*', 'gpt-4o-mini', true],
  ['*-mini', 'gpt-4o-mini', true],
  ['*-mini', 'gpt-4o-mini-1', false],
  ['a*a', 'a', false],
  ['a*b*c', 'a-b-b-c', true],
  ['a*bc*c', 'abc', false],
  ['*', '', true],
  ['g.t', 'gpt', false],
];

for (const [pattern, name, fitting] of CASES)
  test(`${name || 'nothing'} ${fitting ? 'fits' : 'does not fit'} ${pattern}`, () =>
    assert.equal(fits(pattern, name), fitting));

const letters = (...more: string[]) =>
  fc.string({ unit: fc.constantFrom('a', 'b', ...more), maxLength: 8 });

test('it agrees with the regular expression', () => {
  fc.assert(
    fc.property(letters('*'), letters(), (pattern, name) => {
      const expression = new RegExp(`^${pattern.replaceAll('*', '.*')}$`);
      assert.equal(fits(pattern, name), expression.test(name));
    }),
    { numRuns: 2_000 },
  );
});

test('what fits the narrow of two patterns fits the wide one', () => {
  fc.assert(
    fc.property(letters('*'), letters('*'), letters(), (wide, narrow, name) => {
      if (includesPattern(wide, narrow) && fits(narrow, name)) assert.ok(fits(wide, name));
    }),
    { numRuns: 5_000 },
  );
});

test('a long name costs no more than its length', () => {
  const begun = performance.now();
  assert.equal(fits(`${'*a'.repeat(20)}*b`, 'a'.repeat(1_000_000)), false);
  assert.ok(performance.now() - begun < 1_000);
});
