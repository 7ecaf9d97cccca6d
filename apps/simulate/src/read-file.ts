/** Lines of a workload's file with their numbers; what cannot be read is a mistake that names file and line. */
import { createReadStream } from 'node:fs';
import { readLines } from '@sluice/files';
import type { Line } from '@sluice/files';
import { mistake } from './mistake.ts';

export interface NumberedLine {
  text: string;
  line: number;
}

const MOST_LINE_BYTES = 32 * 1024 * 1024;

export async function* linesOf(path: string): AsyncGenerator<NumberedLine> {
  try {
    const source = createReadStream(path) as AsyncIterable<Buffer>;
    for await (const lines of readLines(source, { maxLineBytes: MOST_LINE_BYTES }))
      for (const line of lines) yield checked(line, path);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === undefined) throw error;
    const found = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'a folder' : code;
    throw mistake(path, found, 'a CSV trace or a JSONL batch file that can be read');
  }
}

function checked({ line, bytes, length, problem }: Line, path: string): NumberedLine {
  const where = `${path} line ${line}`;
  if (problem === 'not_utf8') throw mistake(where, 'other bytes', 'UTF-8 text');
  if (problem === 'too_long') throw mistake(where, `${length} bytes`, `at most ${MOST_LINE_BYTES}`);
  return { text: bytes.toString(), line };
}
