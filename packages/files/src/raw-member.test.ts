import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { rawMember } from './raw-member.ts';

test('it finds every member of any object, as written', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(2), (object, indent) => {
      const text = JSON.stringify(object, null, indent);
      for (const [name, value] of Object.entries(object)) {
        assert.deepEqual(
          JSON.parse(rawMember(text, name) as string),
          JSON.parse(JSON.stringify(value)),
        );
      }
      assert.equal(rawMember(text, 'none of these names'), null);
    }),
  );
});

test('depth and spelling pass through', () => {
  const deep = `${'[{"body":'.repeat(50_000)}1.00${'}]'.repeat(50_000)}`;
  assert.equal(rawMember(`{"a": "}\\"", "body": ${deep} , "b": 1}`, 'body'), deep);
});
