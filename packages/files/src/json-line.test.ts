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

test('a number out of range and a name of the language are named, not read as something else', () => {
  assert.deepEqual(jsonLine('{"body":{"temperature":1e400}}'), {
    kind: 'mistake',
    isJson: true,
    says: "'body.temperature' is a number beyond 1.8e308, the largest there is.",
  });
  const own = jsonLine('{"body":{"__proto__":{}}}');
  assert.match(own.kind === 'mistake' ? own.says : '', /^'body\.__proto__' is no name/);
});
