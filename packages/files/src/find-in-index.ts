/**
 * Finds a line in an index by its number. Records stand in the order of the input, mostly evenly: it is looked for where it
 * should then be, and every other time in the middle, so that no file makes it slow.
 */
import { readIndex } from './index-file.ts';
import type { IndexRecord } from './index-file.ts';
import type { FileStore } from './store.ts';

/** 12 KB: as quick to read as one. */
const RECORDS_AT_ONCE = 512;

/** Where a line may stand: from record `from` up to `to`, exclusive; the lines just before that and, where known, behind. */
interface Span {
  from: number;
  to: number;
  before: number;
  behind: number | null;
}

/** `records`: how many the index has. Null when none is of this line. Rejects with FileMissing. */
export async function findInIndex(
  store: FileStore,
  { name, records }: { name: string; records: number },
  line: number,
): Promise<IndexRecord | null> {
  const span: Span = { from: 0, to: records, before: 0, behind: null };
  for (let halving = false; span.from < span.to; halving = !halving) {
    const from = startAround(guessOf(span, line, halving), span);
    const found = await readIndex(store, name, { from, count: RECORDS_AT_ONCE });
    const [first, last] = [found[0], found.at(-1)];
    if (!first || !last) return null;
    if (line < first.line) Object.assign(span, { to: from, behind: first.line });
    else if (line > last.line)
      Object.assign(span, { from: from + found.length, before: last.line });
    else return found.find((record) => record.line === line) ?? null;
  }
  return null;
}

/** Without blank lines and other classes between it is as many records on as lines; it is never further. */
function guessOf({ from, to, before, behind }: Span, line: number, halving: boolean): number {
  if (behind === null) return from + line - before - 1;
  return from + (halving ? 0.5 : (line - before) / (behind - before)) * (to - from);
}

/** So that the guess is in the middle of what is read. */
const startAround = (guess: number, { from, to }: Span): number =>
  Math.max(from, Math.min(Math.floor(guess) - RECORDS_AT_ONCE / 2, to - RECORDS_AT_ONCE));
