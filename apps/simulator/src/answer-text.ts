/**
 * Made-up answers: pieces of one long text of everyday sentences, each word and mark exactly one token of the
 * simulator's tokeniser, so that an answer of n tokens is a slice and costs nothing to make.
 */
import { uniform } from './random.ts';

const SUBJECTS =
  'The answer|Each group|The total|One part|The second step|Every page|The rest|Half of it'.split(
    '|',
  );
const VERBS = 'comes to|depends on|adds up to|follows from|leaves|needs|gives|matches'.split('|');
const OBJECTS =
  'the first number|a larger share|twice the price|the whole amount|seven more items|the given rate|a simple rule|the same result'.split(
    '|',
  );
const ENDINGS = 'in the end|per day|as stated|for now|at most|on average|by then|after that'.split(
  '|',
);

const SENTENCES = 2_048;

interface Corpus {
  text: string;
  /** Where each token begins, the space before it included; one more for the end. */
  offsets: Uint32Array;
  /** Tokens at which sentences begin. */
  starts: number[];
}

const corpus = writeCorpus();

/** An answer of exactly `tokens` tokens; the same for the same hash. It needs no escaping in JSON. */
export function answerText(hash: number, tokens: number): string {
  const { text, offsets, starts } = corpus;
  const first = starts[Math.floor(uniform(hash, 11) * starts.length)] as number;
  const total = offsets.length - 1;
  let answer = '';
  for (let at = first, left = tokens; left > 0;) {
    const end = Math.min(total, at + left);
    answer += text.slice(offsets[at], offsets[end]);
    left -= end - at;
    at = 0;
  }
  return answer.slice(1);
}

function writeCorpus(): Corpus {
  let text = '';
  const offsets: number[] = [];
  const starts: number[] = [];
  for (let sentence = 0; sentence < SENTENCES; sentence += 1) {
    starts.push(offsets.length);
    for (const word of wordsOf(sentence)) {
      offsets.push(text.length);
      text += word;
    }
  }
  offsets.push(text.length);
  return { text, offsets: Uint32Array.from(offsets), starts };
}

/** ` The`, ` answer`, … `.` */
function wordsOf(sentence: number): string[] {
  const pick = (list: string[], salt: number): string =>
    list[Math.floor(uniform(sentence, salt) * list.length)] as string;
  const line = [pick(SUBJECTS, 1), pick(VERBS, 2), pick(OBJECTS, 3), pick(ENDINGS, 4)].join(' ');
  return [...line.split(' ').map((word) => ` ${word}`), '.'];
}
