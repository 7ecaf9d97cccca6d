/** A batch's results as users read them while it runs: OpenAI's output lines with `sluice` added to each. */
import { LineSet } from './line-set.ts';
import { type RecordedLine, readRecorded } from './segment.ts';
import type { Extent, FileStore } from './store.ts';

export interface ResultsOptions {
  /** Leave out this many lines from the beginning (counted among all, in their unchanging order). */
  after?: number;
  /** Lines already given out, which come no more; those given out are added. Pass one set to follow a batch. */
  seen?: LineSet;
}

const COMMA_SLUICE = Buffer.from(',"sluice":');
const SLUICE = Buffer.from('"sluice":');
const CLOSING = Buffer.from('}\n');

/**
 * Streams the finished lines as JSONL, many lines per buffer, each line once, in the order of recording, which never
 * changes. `"sluice": {…}` is spliced into the recorded text, nothing is parsed.
 */
export async function* streamResults(
  store: FileStore,
  extents: readonly Extent[],
  { after = 0, seen = new LineSet() }: ResultsOptions = {},
): AsyncGenerator<Buffer> {
  let skip = after;
  for await (const lines of readRecorded(store, extents)) {
    const pieces: Buffer[] = [];
    for (const recorded of lines) {
      if (!seen.add(recorded.line)) continue;
      if (skip > 0) skip -= 1;
      else splice(recorded, pieces);
    }
    if (pieces.length > 0) yield Buffer.concat(pieces);
  }
}

function splice({ output, extras }: RecordedLine, pieces: Buffer[]): void {
  const open = output.subarray(0, -1);
  pieces.push(open, open.length === 1 ? SLUICE : COMMA_SLUICE, extras, CLOSING);
}
