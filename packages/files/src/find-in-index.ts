/**
 * Finds a line in an index by its number. Windows of records stand in the order of the input, mostly evenly: it is looked for in
 * the one where it should then be, and every other time in the middle, so that no file makes it slow.
 */
import { readIndex, WINDOW_RECORDS } from './index-file.ts';
import type { IndexRecord } from './index-file.ts';
import type { FileStore } from './store.ts';

/** Where a line may stand: from record `from`, which begins a window, up to `to`, exclusive; the lines just before that and, where known, behind. */
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
    const from = windowOf(guessOf(span, line, halving), span);
    const found = await readIndex(store, name, { from, count: WINDOW_RECORDS });
    const lines = found.map((record) => record.line);
    const [first, last] = [Math.min(...lines), Math.max(...lines)];
    if (line < first) Object.assign(span, { to: from, behind: first });
    else if (line > last) Object.assign(span, { from: from + WINDOW_RECORDS, before: last });
    else return found.find((record) => record.line === line) ?? null;
  }
  return null;
}

/** Without blank lines and other classes between it is as many records on as lines; it is never further. */
function guessOf({ from, to, before, behind }: Span, line: number, halving: boolean): number {
  if (behind === null) return from + line - before - 1;
  return from + (halving ? 0.5 : (line - before) / (behind - before)) * (to - from);
}

/** The first record of the window in which the guess is. */
const windowOf = (guess: number, { from, to }: Span): number => {
  const record = Math.max(from, Math.min(Math.floor(guess), to - 1));
  return record - (record % WINDOW_RECORDS);
};
