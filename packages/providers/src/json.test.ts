import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { onOneLine, parseJson } from './json.ts';

test('one line stays untouched, to the spelling of its numbers', () => {
  const json = '{"b":1.0,"a":12345678901234567890,"a":2}';
  assert.equal(onOneLine(json), json);
  assert.equal(
    onOneLine('{\r\n  "big": 12345678901234567890\r\n}\n'),
    '{ "big": 12345678901234567890 }',
  );
});

test('the same value on one line, however it was laid out', () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(0, 2, '\t'), (json, indent) => {
      const laidOut = `\uFEFF${JSON.stringify(JSON.parse(json), null, indent)}\n`;
      const line = onOneLine(laidOut);
      assert.ok(!/[\r\n]/.test(line));
      assert.deepEqual(JSON.parse(line), parseJson(laidOut));
    }),
  );
});

test('what is not JSON is undefined', () => assert.equal(parseJson('{"a":'), undefined));
