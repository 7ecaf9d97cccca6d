import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { answerText } from './answer-text.ts';
import { countTokens, firstTokens } from './tokens.ts';

const texts = fc
  .array(fc.constantFrom('a', 'longerword', ' ', '\n', '7', '123456', '.', ',', 'я', '日', '🙂'))
  .map((pieces) => pieces.join(''));

describe('the tokeniser', () => {
  it('follows its rule', () => {
    const cases: [string, number][] = [
      ['', 0],
      ['word', 1],
      ['two words', 2],
      ['sevenle', 1],
      ['eightlet', 2],
      ['12', 1],
      ['1234', 2],
      ['a, b.', 4],
      ['...', 3],
      ['a  b', 3],
      ['a\n\n\nb', 3],
      ['добрый', 3],
      ['日本', 2],
      ['🙂', 2],
      ['gpt4', 2],
    ];
    for (const [text, tokens] of cases) assert.equal(countTokens(text), tokens, text);
  });

  it('is never a fixed number of characters', () => {
    const source = readFileSync(new URL(import.meta.url), 'utf8').split('\n');
    const lines = source.filter((line) => line.length > 20);
    const ratios = lines.map((line) => line.length / countTokens(line));
    assert.ok(Math.max(...ratios) / Math.min(...ratios) > 1.5);
  });

  it('cuts a text to its first tokens', () => {
    fc.assert(
      fc.property(texts, fc.nat(20), (text, max) => {
        const cut = firstTokens(text, max);
        assert.ok(text.startsWith(cut.text));
        assert.equal(cut.tokens, Math.min(max, countTokens(text)));
        assert.equal(countTokens(cut.text), cut.tokens);
      }),
    );
  });
});

describe('a made-up answer', () => {
  it('has exactly the tokens asked for, by the same tokeniser, and needs no escaping', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.integer({ min: 1, max: 30_000 }), (hash, tokens) => {
        const text = answerText(hash, tokens);
        assert.equal(countTokens(text), tokens);
        assert.equal(JSON.stringify(text), `"${text}"`);
      }),
      { numRuns: 50 },
    );
  });

  it('is the same for the same hash and begins like a sentence', () => {
    assert.equal(answerText(42, 12), answerText(42, 12));
    assert.notEqual(answerText(42, 12), answerText(43, 12));
    assert.match(answerText(42, 12), /^[A-Z][a-z]+ /);
  });
});
