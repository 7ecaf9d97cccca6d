/**
 * Validates a batch's input in one streamed pass: every bad line is reported with its number, and the good ones are
 * indexed by class for the feeder. Memory does not grow with the file but for about 40 bytes a line. Running it
 * again after a crash gives the same.
 */
import { type FileStore, FileMissing, type Line, readLines } from '@sluice/files';
import type { Endpoint } from '@sluice/job';
import type { BatchClass } from '@sluice/ledger';
import { type BatchRules, type Checked, type LineChecker, lineChecker } from './check-line.ts';
import { ClassIndexes } from './class-indexes.ts';
import { CustomIds, type Place } from './custom-ids.ts';
import { type BatchError, ErrorList, duplicate } from './line-errors.ts';
import { type Pace, startPace } from './pace.ts';

export interface BatchInput {
  store: FileStore;
  /** The input file's name in the store. */
  inputName: string;
  batchId: string;
  /** Null: taken from the first line's `url`. */
  endpoint: Endpoint | null;
  rules: BatchRules;
  /** Called now and then with how far it is. */
  onProgress?: (progress: { lines: number; bytes: number }) => void;
  /** `indexes`: for the feeder. `nothing`: only what a dry run tells, of the good lines beside bad ones too. */
  keep?: 'indexes' | 'nothing';
  /** Stops it: rejects with the signal's reason and leaves nothing behind. */
  signal?: AbortSignal;
}

export type Validation =
  | {
      kind: 'valid';
      endpoint: Endpoint;
      /** Requests in the file. */
      lines: number;
      /** Number of the last one, blank lines counted: no line number is greater. */
      lastLine: number;
      classes: BatchClass[];
    }
  /** `errors`: the first hundred of `total`. */
  | { kind: 'invalid'; errors: BatchError[]; total: number };

/** What is known of a file once it is read: of the good lines by class, and the first hundred of `total` mistakes. */
export interface CheckedBatch {
  /** Null: no line names one. */
  endpoint: Endpoint | null;
  lines: number;
  lastLine: number;
  classes: BatchClass[];
  errors: BatchError[];
  total: number;
}

/** What one pass over a file carries along. */
interface Pass {
  input: BatchInput;
  checker: LineChecker;
  ids: CustomIds;
  indexes: ClassIndexes;
  errors: ErrorList;
  pace: Pace;
  lines: number;
  lastLine: number;
}

/** Rejects with FileMissing. */
export async function validateBatch(input: BatchInput): Promise<Validation> {
  const { endpoint, lines, lastLine, classes, errors, total } = await checkBatch(input);
  if (total > 0 || endpoint === null) return { kind: 'invalid', errors, total };
  return { kind: 'valid', endpoint, lines, lastLine, classes };
}

/** Rejects with FileMissing. */
export async function checkBatch(input: BatchInput): Promise<CheckedBatch> {
  const { store, inputName, batchId, rules, signal } = input;
  const bytes = await store.size(inputName);
  if (bytes === null) throw new FileMissing(inputName);
  const pass: Pass = {
    input,
    checker: lineChecker(input.endpoint, rules),
    ids: new CustomIds({ expected: mostLines(bytes, rules.maxLines) }),
    indexes: new ClassIndexes(input.keep === 'nothing' ? null : store, batchId),
    errors: new ErrorList(),
    pace: startPace({ signal }),
    lines: 0,
    lastLine: 0,
  };
  try {
    await readAllLines(pass);
    return await conclude(pass);
  } finally {
    await pass.indexes.abort();
  }
}

/** No valid request is shorter than 70 bytes. */
const mostLines = (bytes: number, maxLines: number): number =>
  Math.min(maxLines, Math.ceil(bytes / 70));

async function readAllLines(pass: Pass): Promise<void> {
  const { store, inputName, rules, onProgress } = pass.input;
  const { maxLines, maxLineBytes } = rules;
  for await (const lines of readLines(store.read(inputName), { maxLineBytes })) {
    for (const line of lines) {
      if (pass.lines === maxLines) {
        pass.errors.add(line.line, tooMany(maxLines));
        return;
      }
      pass.lines += 1;
      pass.lastLine = line.line;
      await takeLine(pass, line);
      if (!pass.pace.due()) continue;
      onProgress?.({ lines: pass.lines, bytes: line.offset + line.length });
      await pass.pace.rest();
    }
  }
}

async function takeLine(pass: Pass, line: Line): Promise<void> {
  const checked = pass.checker.check(line);
  const firstLine = await findEarlier(pass, checked, line);
  if (checked.kind === 'mistake') pass.errors.add(line.line, checked.error);
  else if (firstLine !== null) pass.errors.add(line.line, duplicate(checked.customId, firstLine));
  else if (pass.errors.total === 0 || pass.input.keep === 'nothing')
    await pass.indexes.add(checked.request, line);
}

/**
 * The line that used this custom_id before, or null. Suspicions are settled by reading, until a batch has as many
 * errors as are shown: from there on a hit only counts (a false one: 1 in 10¹⁰ per line).
 */
async function findEarlier(
  pass: Pass,
  { customId }: Checked,
  place: Place,
): Promise<number | null> {
  if (customId === null) return null;
  const suspects = pass.ids.add(customId, place);
  for (const suspect of suspects) {
    if (pass.errors.full || (await readCustomId(pass.input, suspect)) === customId) {
      return suspect.line;
    }
  }
  if (suspects.length > 0) pass.ids.addDifferent(customId, place);
  return null;
}

async function readCustomId(
  { store, inputName }: BatchInput,
  { offset, length }: Place,
): Promise<unknown> {
  const bytes = await store.readAt(inputName, offset, length);
  return (JSON.parse(bytes.toString()) as { custom_id: unknown }).custom_id;
}

async function conclude(pass: Pass): Promise<CheckedBatch> {
  const { lines, errors, indexes } = pass;
  if (lines === 0) errors.add(null, EMPTY);
  const ofAll = pass.input.rules.ofAll?.(indexes.pools) ?? null;
  // Beside a hundred bad lines it would not be shown.
  if (ofAll !== null && !errors.full) errors.add(null, ofAll);
  const wanted = errors.total === 0 || pass.input.keep === 'nothing';
  return checked(pass, wanted ? await indexes.commit() : []);
}

const checked = (pass: Pass, classes: BatchClass[]): CheckedBatch => ({
  endpoint: pass.checker.endpoint(),
  lines: pass.lines,
  lastLine: pass.lastLine,
  classes,
  errors: pass.errors.kept,
  total: pass.errors.total,
});

const EMPTY = {
  code: 'empty_file',
  message: 'The input file is empty. Please ensure that the batch contains at least one request.',
  param: null,
};

const tooMany = (maxLines: number) => ({
  code: 'too_many_tasks',
  message: `The input file has more than ${maxLines} requests, the most that are allowed in a batch.`,
  param: null,
});
