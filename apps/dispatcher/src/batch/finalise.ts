/**
 * Writes a batch's two files from what was recorded: successes to the output file, everything else to the error file,
 * each line once. Streams, and can start again anywhere: from the same extents it writes the same bytes.
 */
import { createHash } from 'node:crypto';
import {
  type FileStore,
  type Extent,
  FileMissing,
  LineSet,
  readIndex,
  readLines,
  readRecorded,
} from '@sluice/files';
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
  /** Names in the store. The indexes say which lines there are when the input is gone. */
  inputName: string;
  indexNames: readonly string[];
  /** A missing input is gone, and not only away. */
  inputGone: boolean;
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
      /** Lines that nobody can name any more: the input and its indexes are gone. */
      unknown: number;
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
const RECORDS_AT_ONCE = 8_192;

const MESSAGES: Record<Unfinished, string> = {
  batch_expired: 'This request could not be executed before the completion window expired.',
  batch_cancelled: 'This request was not executed because the batch was cancelled.',
};

/**
 * Rejects with FileMissing when a segment is gone: its answers were paid for, and the store may come back. An input that is
 * gone is no such loss: lines that did not end are then reported by their number. One that is missing and may come back is.
 */
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
    const unfinished =
      input.unfinished === null ? 0 : await reportUnfinished(run, input.unfinished);
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

/** An error line for every line that was never recorded. Returns how many; null when nobody can name them any more. */
async function reportUnfinished(run: Run, code: Unfinished): Promise<number | null> {
  if (run.seen.count === run.input.totalLines) return 0;
  try {
    return await writeUnfinished(run, code);
  } catch (error) {
    if (!run.input.inputGone || !(error instanceof FileMissing)) throw error;
  }
  const { store, indexNames } = run.input;
  const sizes = await Promise.all(indexNames.map((name) => store.size(name)));
  return sizes.length === 0 || sizes.includes(null) ? null : writeNumbers(run, code);
}

/** Without the input: its lines by their numbers, from the indexes. */
async function writeNumbers(run: Run, code: Unfinished): Promise<number> {
  const { store, indexNames, batchId } = run.input;
  let count = 0;
  for (const name of indexNames) {
    for (let from = 0; ; from += RECORDS_AT_ONCE) {
      const records = await readIndex(store, name, { from, count: RECORDS_AT_ONCE });
      const open = records.filter(({ line }) => !run.seen.has(line));
      count += open.length;
      const texts = open.map(({ line }) => {
        const message = `${MESSAGES[code]} It is line ${line}; its custom_id is gone with the input file.`;
        return unfinishedLine(lineId(batchId, line), null, { code, message });
      });
      await run.error.write(texts);
      if (records.length < RECORDS_AT_ONCE) break;
      if (run.pace.due()) await run.pace.rest();
    }
  }
  return count;
}

/** From the input; only lines that were never recorded are parsed. */
async function writeUnfinished(run: Run, code: Unfinished): Promise<number> {
  const { store, inputName, batchId } = run.input;
  const error = { code, message: MESSAGES[code] };
  let count = 0;
  for await (const lines of readLines(store.read(inputName), { checkUtf8: false })) {
    const texts: Buffer[] = [];
    for (const { line, bytes } of lines) {
      if (run.seen.has(line)) continue;
      const { custom_id: customId } = JSON.parse(bytes.toString()) as { custom_id: string };
      texts.push(unfinishedLine(lineId(batchId, line), customId, error));
      if (run.pace.due()) await run.pace.rest();
    }
    count += texts.length;
    await run.error.write(texts);
    if (run.pace.due()) await run.pace.rest();
  }
  return count;
}

/** The id follows from the line's own, so that writing again gives the same. */
function unfinishedLine(
  id: string,
  customId: string | null,
  error: { code: Unfinished; message: string },
): Buffer {
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 32);
  const line = { id: `batch_req_${hash}`, custom_id: customId, response: null, error };
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

async function conclude(run: Run, reported: number | null): Promise<Finalised> {
  const { completed, failed, output, error } = run;
  const expected = run.input.totalLines;
  const unfinished = reported ?? 0;
  const unknown = reported === null ? expected - completed - failed : 0;
  const found = completed + failed + unfinished + unknown;
  if (found !== expected) return { kind: 'incomplete', expected, found };
  const outputBytes = await output.finish();
  const errorBytes = await error.finish();
  return { kind: 'finalised', completed, failed, unfinished, unknown, outputBytes, errorBytes };
}
