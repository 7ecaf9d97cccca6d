import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unfitIn } from './unfit-json.ts';

const fieldOf = (text: string): string | undefined => unfitIn(text, JSON.parse(text))?.field;

test('numbers that no double holds are found where they stand', () => {
  assert.equal(fieldOf('{"body":{"temperature":1e400}}'), 'body.temperature');
  assert.equal(fieldOf('{"a":[1,{"b":-1E+999}]}'), 'a[1].b');
  assert.equal(fieldOf(`{"a":1${'0'.repeat(320)}}`), 'a');
  assert.equal(fieldOf('{"a":1e300,"b":"1e400","c":1e-400}'), undefined);
});

test('names of the language are no parameters, and may be data', () => {
  assert.equal(fieldOf('{"body":{"x":{"__proto__":{}}}}'), 'body.x.__proto__');
  assert.equal(fieldOf('{"\\u005f_proto__":1}'), '__proto__');
  assert.equal(fieldOf('{"body":{"constructor":1}}'), 'body.constructor');
  assert.equal(fieldOf('{"body":{"tools":[{"properties":{"constructor":{}}}]}}'), undefined);
  assert.equal(fieldOf('{"a":"__proto__ constructor"}'), undefined);
});

test('what is nested without end is somebody else’s to refuse', () => {
  const text = `{"a":${'['.repeat(5_000)}1e400${']'.repeat(5_000)}}`;
  assert.equal(fieldOf(text), undefined);
});
