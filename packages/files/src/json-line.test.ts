import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonLine } from './json-line.ts';

const said = (text: string): string => {
  const line = jsonLine(text);
  return line.kind === 'mistake' ? line.says : '';
};

test('a line is an object, or a sentence says why not without showing it', () => {
  assert.deepEqual(jsonLine('{"a":1}'), { kind: 'object', value: { a: 1 } });
  const broken = said('{"secret": "prompt", }');
  assert.match(broken, /^This line is not parseable as valid JSON\. Stopped at character \d+\.$/);
  assert.equal(said('["secret"]'), 'This line must be a JSON object, found an array.');
  assert.equal(said('null'), 'This line must be a JSON object, found null.');
});
