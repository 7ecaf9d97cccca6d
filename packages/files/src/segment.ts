/**
 * Recorded lines of a batch: one text line `<line>\t<0|1 succeeded>\t<OpenAI output line>\t<Sluice's extras>\n` each.
 * Both JSON texts pass through as they are, from the worker to the user, and are never parsed on the way.
 */
import { type Line, readLines } from './lines.ts';
import { readAhead } from './read-ahead.ts';
import type { Extent, FileStore } from './store.ts';

/** One ended line of a batch, as whoever saw it end hands it over for recording. */
export interface Recorded {
  /** From 1, blank lines included. */
  line: number;
  /** Whether it belongs in the output file (else: the error file). */
  ok: boolean;
  /** JSON text of the OpenAI output line, an object: `{"id":…,"custom_id":…,"response":…,"error":…}`. */
  output: string;
  /** JSON text of what Sluice adds (deployment, tier, attempts, cost), an object. */
  extras: string;
}

/** As it is read back: the same JSON texts, in bytes that share memory with their neighbours. */
export interface RecordedLine {
  line: number;
  ok: boolean;
  output: Buffer;
  extras: Buffer;
}

const TAB = 0x09;
const ZERO = 0x30;
const ONE = 0x31;

/** One line of a segment, newline included. */
export function encodeRecorded({ line, ok, output, extras }: Recorded): string {
  return `${line}\t${ok ? 1 : 0}\t${onOneLine(output)}\t${onOneLine(extras)}\n`;
}

/**
 * In valid JSON a raw tab or line break can only stand between tokens (RFC 8259, section 7: strings escape them), so
 * a provider's pretty-printed answer becomes one line without a parse.
 */
function onOneLine(json: string): string {
  const lined = json.includes('\n') || json.includes('\t') || json.includes('\r');
  return (lined ? json.replaceAll(/[\n\t\r]/g, ' ') : json).trim();
}

/**
 * Streams the recorded lines of the extents, in their order. A line recorded twice comes twice: see LineSet.
 * Throws when the store does not hold what the extents promise.
 */
export async function* readRecorded(
  store: FileStore,
  extents: readonly Extent[],
): AsyncGenerator<RecordedLine[]> {
  for await (const [extent, source] of readAhead(store, joinNeighbours(extents))) {
    for await (const lines of readLines(source, { checkUtf8: false })) {
      yield lines.map((line) => decodeRecorded(line, extent));
    }
  }
}

/** Reading two extents that touch as one saves opening the file again: recorders append many small ones. */
export function joinNeighbours(extents: readonly Extent[]): Extent[] {
  const joined: Extent[] = [];
  for (const { segment, start, end } of extents) {
    const last = joined.at(-1);
    if (last !== undefined && last.segment === segment && last.end === start) last.end = end;
    else if (end > start) joined.push({ segment, start, end });
  }
  return joined;
}

function decodeRecorded({ bytes, offset }: Line, extent: Extent): RecordedLine {
  const first = bytes.indexOf(TAB);
  const third = bytes.indexOf(TAB, first + 3);
  const flag = bytes[first + 1];
  const line = readNumber(bytes, first);
  if (line === 0 || third === -1 || bytes[first + 2] !== TAB || (flag !== ZERO && flag !== ONE)) {
    throw new Error(`segment ${extent.segment}: no recorded line at byte ${extent.start + offset}`);
  }
  const output = bytes.subarray(first + 3, third);
  return { line, ok: flag === ONE, output, extras: bytes.subarray(third + 1) };
}

/** The decimal number in the first `end` bytes; 0 when there is none. */
function readNumber(bytes: Buffer, end: number): number {
  let value = 0;
  for (let at = 0; at < end; at += 1) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return 0;
    value = value * 10 + digit;
  }
  return value;
}
