import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { cleanMessage } from './error-message.ts';

const clean = (text: string) => cleanMessage(text, 'nothing said');

test('ordinary messages stay as they are', () => {
  for (const message of [
    "This model's maximum context length is 128000 tokens. However, you've asked for more than it's able to hold.",
    'The model `gpt-5-ultra` does not exist or you do not have access to it.',
    "Invalid type for 'messages[0].content': expected one of a string or array of objects.",
    'input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000',
  ]) {
    assert.equal(clean(message), message);
  }
});

test('an empty one becomes the fallback', () => {
  assert.equal(clean(' \n'), 'nothing said');
});

for (const key of [
  'sk-proj-abcd1234********************wxyz',
  'sk-ant-api03-AbCdEf0123456789',
  'gsk_abcdefgh12345678',
  'AIzaSyA1234567890abcdefg',
  'Bearer abc.def.ghi',
]) {
  test(`the key ${key.slice(0, 6)}… is masked`, () => {
    assert.equal(
      clean(`Incorrect API key provided: ${key} is wrong`),
      'Incorrect API key provided: [key] is wrong',
    );
  });
}

test('a long quotation is cut out, in any quotation marks, also one that never closes', () => {
  const prompt = fc.string({
    minLength: 60,
    maxLength: 6000,
    unit: fc.constantFrom('a', 'B', ' ', '\n', '7'),
  });
  fc.assert(
    fc.property(prompt, fc.constantFrom('"', "'", '`'), fc.boolean(), (text, mark, closed) => {
      const message = clean(`cannot parse ${mark}x${text}x${closed ? `${mark} here` : ''}`);
      assert.equal(
        message,
        `cannot parse ${mark}…${mark}${closed && text.length < 3900 ? ' here' : ''}`,
      );
    }),
  );
});

test('the result is one line of at most 500 characters', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 9000, size: 'max' }), (text) => {
      const message = clean(text);
      assert.ok(message.length <= 500 && message.length > 0 && !/[\r\n]/.test(message));
    }),
  );
});
