/**
 * Writes a batch's two files from what was recorded: successes to the output file, everything else to the error file,
 * each line once. Streams, and can start again anywhere: from the same extents it writes the same bytes.
 */
import { createHash } from 'node:crypto';
import { type FileStore, type Extent, LineSet, readLines, readRecorded } from '@sluice/files';
import { lineId } from '@sluice/job';
import { type LazyFile, lazyFile } from './lazy-file.ts';
import { type Pace, startPace } from './pace.ts';

/** Why lines that never ended did not. */
type Unfinished = 'batch_expired' | 'batch_cancelled';

export interface FinaliseInput {
  store: FileStore;
  batchId: string;
  /** In the order of recording. */
  extents: readonly Extent[];
  /** Requests in the input file. */
  totalLines: number;
  /** Null: every line has ended. */
  unfinished: Unfinished | null;
  /** Names in the store. */
  inputName: string;
  outputName: string;
  errorName: string;
  /** Stops it: rejects with the signal's reason and leaves nothing behind. */
  signal?: AbortSignal;
}

export type Finalised =
  | {
      kind: 'finalised';
      /** Lines by how they ended; together the whole batch. */
      completed: number;
      failed: number;
      unfinished: number;
      /** Bytes of the files; null = there is none, because no line belongs in it. */
      outputBytes: number | null;
      errorBytes: number | null;
    }
  /** Not as many lines as the batch has: nothing was written. */
  | { kind: 'incomplete'; expected: number; found: number };

interface Run {
  input: FinaliseInput;
  seen: LineSet;
  output: LazyFile;
  error: LazyFile;
  pace: Pace;
  completed: number;
  failed: number;
}

const NEWLINE = Buffer.from('\n');

const MESSAGES: Record<Unfinished, string> = {
  batch_expired: 'This request could not be executed before the completion window expired.',
  batch_cancelled: 'This request was not executed because the batch was cancelled.',
};

/** Rejects with FileMissing when a segment, or an input that is needed for unfinished lines, is gone. */
export async function finaliseBatch(input: FinaliseInput): Promise<Finalised> {
  const { store, outputName, errorName, signal } = input;
  const run: Run = {
    input,
    seen: new LineSet(),
    output: lazyFile(store, outputName),
    error: lazyFile(store, errorName),
    pace: startPace({ signal }),
    completed: 0,
    failed: 0,
  };
  try {
    await writeRecorded(run);
    const unfinished = input.unfinished === null ? 0 : await writeUnfinished(run, input.unfinished);
    return await conclude(run, unfinished);
  } finally {
    await run.output.abort();
    await run.error.abort();
  }
}

async function writeRecorded(run: Run): Promise<void> {
  for await (const lines of readRecorded(run.input.store, run.input.extents)) {
    const successes: Buffer[] = [];
    const failures: Buffer[] = [];
    for (const { line, ok, output } of lines) {
      if (run.seen.add(line)) (ok ? successes : failures).push(output, NEWLINE);
    }
    run.completed += successes.length / 2;
    run.failed += failures.length / 2;
    await run.output.write(successes);
    await run.error.write(failures);
    if (run.pace.due()) await run.pace.rest();
  }
}

/** An error line for every input line that was never recorded; only those are parsed. Returns how many. */
async function writeUnfinished(run: Run, code: Unfinished): Promise<number> {
  const { store, inputName, batchId, totalLines } = run.input;
  if (run.seen.count === totalLines) return 0;
  let count = 0;
  for await (const lines of readLines(store.read(inputName), { checkUtf8: false })) {
    const texts: Buffer[] = [];
    for (const { line, bytes } of lines) {
      if (run.seen.has(line)) continue;
      const { custom_id: customId } = JSON.parse(bytes.toString()) as { custom_id: string };
      texts.push(Buffer.from(unfinishedLine(lineId(batchId, line), customId, code)));
      if (run.pace.due()) await run.pace.rest();
    }
    count += texts.length;
    await run.error.write(texts);
    if (run.pace.due()) await run.pace.rest();
  }
  return count;
}

/** The id follows from the line's own, so that writing again gives the same. */
function unfinishedLine(id: string, customId: string, code: Unfinished): string {
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 32);
  const error = { code, message: MESSAGES[code] };
  return `${JSON.stringify({ id: `batch_req_${hash}`, custom_id: customId, response: null, error })}\n`;
}

async function conclude(run: Run, unfinished: number): Promise<Finalised> {
  const { completed, failed, output, error } = run;
  const found = completed + failed + unfinished;
  const expected = run.input.totalLines;
  if (found !== expected) return { kind: 'incomplete', expected, found };
  const outputBytes = await output.finish();
  const errorBytes = await error.finish();
  return { kind: 'finalised', completed, failed, unfinished, outputBytes, errorBytes };
}
