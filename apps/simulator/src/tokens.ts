/**
 * The simulator's own tokeniser: one pass, no vocabulary, close to what real ones give for English and never a
 * fixed number of characters, so that a client's estimate is never exactly right.
 *
 * The rule: a word of up to seven letters is one token and every seven further letters one more; three digits are
 * one token; every punctuation mark is one; a single space or line break before a word is free, a further one in a
 * row costs one token per run; letters outside ASCII count in pairs, and ideographs, emoji and the like one per
 * UTF-16 unit.
 */

const LETTERS_PER_TOKEN = 7;
const DIGITS_PER_TOKEN = 3;
const FOREIGN_PER_TOKEN = 2;

type Kind = 0 | 1 | 2 | 3 | 4 | 5;
const SPACE: Kind = 0;
const LETTER: Kind = 1;
const DIGIT: Kind = 2;
const MARK: Kind = 3;
const FOREIGN: Kind = 4;
const WIDE: Kind = 5;

/** Letters, digits … by kind: after how many of a run the next token begins. A run of spaces: at its second. */
const PER_TOKEN = [Infinity, LETTERS_PER_TOKEN, DIGITS_PER_TOKEN, 1, FOREIGN_PER_TOKEN, 1];

const ASCII_KINDS = Uint8Array.from({ length: 128 }, (_, code) => asciiKind(code));

/** Tokens in a text. */
export function countTokens(text: string): number {
  return tokensUpTo(text, Infinity).tokens;
}

/** The longest beginning of a text that has at most `max` tokens. */
export function firstTokens(text: string, max: number): { text: string; tokens: number } {
  const { tokens, end } = tokensUpTo(text, max);
  return { text: end === text.length ? text : text.slice(0, end), tokens };
}

function tokensUpTo(text: string, max: number): { tokens: number; end: number } {
  let tokens = 0;
  let previous = -1;
  let run = 0;
  for (let at = 0; at < text.length; at += 1) {
    const kind = kindOf(text.charCodeAt(at));
    run = kind === previous ? run + 1 : 0;
    previous = kind;
    const begins = kind === SPACE ? run === 1 : run % (PER_TOKEN[kind] as number) === 0;
    if (begins && tokens === max) return { tokens, end: at };
    if (begins) tokens += 1;
  }
  return { tokens, end: text.length };
}

function kindOf(code: number): number {
  if (code < 128) return ASCII_KINDS[code] as number;
  return code < 0x2e80 ? FOREIGN : WIDE;
}

function asciiKind(code: number): Kind {
  if (code <= 32) return SPACE;
  if (code >= 48 && code <= 57) return DIGIT;
  const lower = code | 32;
  return lower >= 97 && lower <= 122 ? LETTER : MARK;
}
