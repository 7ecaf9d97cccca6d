/**
 * Splits a stream of bytes into lines without decoding them. What comes out never depends on where the chunks
 * were cut. Memory: one chunk and one line of at most `maxLineBytes`; longer ones are counted, not kept.
 */
import { isUtf8 } from 'node:buffer';

export interface Line {
  /** From 1, blank lines included. */
  line: number;
  /** Where it begins in the stream, in bytes (behind a byte order mark). */
  offset: number;
  /** Bytes without the line end (`\n` or `\r\n`). */
  length: number;
  /** Empty when it is too long. Shares memory with its neighbours: copy what is to be kept. */
  bytes: Buffer;
  problem: 'too_long' | 'not_utf8' | null;
}

export interface LineOptions {
  /** Default: no maximum. */
  maxLineBytes?: number;
  /** Default true. */
  checkUtf8?: boolean;
}

/** Yields the lines in batches, about a chunk's worth each. Blank lines are counted but left out. */
export async function* readLines(
  source: AsyncIterable<Buffer>,
  options: LineOptions = {},
): AsyncGenerator<Line[]> {
  const splitter = new LineSplitter(options);
  for await (const chunk of source) {
    const lines = splitter.push(chunk);
    if (lines.length > 0) yield lines;
  }
  const last = splitter.end();
  if (last.length > 0) yield last;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const NOTHING = Buffer.alloc(0);

class LineSplitter {
  readonly #max: number;
  readonly #checkUtf8: boolean;
  #line = 1;
  /** Where the line being read begins. */
  #offset = 0;
  /** The first bytes, until there are enough to tell a byte order mark; then null. */
  #head: Buffer | null = NOTHING;
  /** The line that has no end yet. `#carried` counts on when the pieces are given up for being too many. */
  #pieces: Buffer[] = [];
  #carried = 0;
  #lastByte = 0;

  constructor({ maxLineBytes = Infinity, checkUtf8 = true }: LineOptions) {
    this.#max = maxLineBytes;
    this.#checkUtf8 = checkUtf8;
  }

  push(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    if (this.#head === null) {
      this.#split(chunk, lines);
    } else {
      this.#head = Buffer.concat([this.#head, chunk]);
      if (this.#head.length >= BYTE_ORDER_MARK.length) this.#begin(this.#head, lines);
    }
    return lines;
  }

  end(): Line[] {
    const lines: Line[] = [];
    if (this.#head !== null) this.#begin(this.#head, lines);
    if (this.#carried > 0) this.#finishCarried(lines);
    return lines;
  }

  #begin(head: Buffer, lines: Line[]): void {
    this.#head = null;
    const marked = head.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK);
    if (marked) this.#offset = BYTE_ORDER_MARK.length;
    this.#split(marked ? head.subarray(BYTE_ORDER_MARK.length) : head, lines);
  }

  #split(chunk: Buffer, lines: Line[]): void {
    let from = 0;
    if (this.#carried > 0) {
      const end = chunk.indexOf(NEWLINE);
      this.#carry(end === -1 ? chunk : chunk.subarray(0, end));
      if (end === -1) return;
      this.#finishCarried(lines);
      from = end + 1;
    }
    const to = chunk.lastIndexOf(NEWLINE) + 1;
    if (to > from) this.#wholeLines(chunk.subarray(from, to), lines);
    this.#carry(chunk.subarray(Math.max(from, to)));
  }

  #carry(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#carried += piece.length;
    this.#lastByte = piece[piece.length - 1] as number;
    if (this.#carried > this.#max + 1) this.#pieces = [];
    else this.#pieces.push(piece);
  }

  #finishCarried(lines: Line[]): void {
    const carried = this.#carried;
    if (carried > this.#max + 1) {
      this.#tooLong(carried - (this.#lastByte === RETURN ? 1 : 0), lines);
    } else {
      const bytes = this.#pieces.length === 1 ? this.#pieces[0] : Buffer.concat(this.#pieces);
      this.#add(bytes as Buffer, this.#checkUtf8, lines);
    }
    this.#pieces = [];
    this.#carried = 0;
    this.#next(carried);
  }

  /**
   * `region` ends with a newline. No byte of a multi-byte character is a newline, so the region is valid UTF-8
   * exactly when each of its lines is: one check, and one per line only when it fails.
   */
  #wholeLines(region: Buffer, lines: Line[]): void {
    const checkEach = this.#checkUtf8 && !isUtf8(region);
    let start = 0;
    while (start < region.length) {
      const end = region.indexOf(NEWLINE, start);
      if (end > start) this.#add(region.subarray(start, end), checkEach, lines);
      this.#next(end - start);
      start = end + 1;
    }
  }

  /** Adds one line, given without its newline. */
  #add(raw: Buffer, check: boolean, lines: Line[]): void {
    const bytes = raw[raw.length - 1] === RETURN ? raw.subarray(0, -1) : raw;
    if (bytes.length > this.#max) {
      this.#tooLong(bytes.length, lines);
      return;
    }
    if (isBlank(bytes)) return;
    const problem = check && !isUtf8(bytes) ? 'not_utf8' : null;
    lines.push({ line: this.#line, offset: this.#offset, length: bytes.length, bytes, problem });
  }

  #tooLong(length: number, lines: Line[]): void {
    const problem = 'too_long';
    lines.push({ line: this.#line, offset: this.#offset, length, bytes: NOTHING, problem });
  }

  #next(rawLength: number): void {
    this.#line += 1;
    this.#offset += rawLength + 1;
  }
}

/** Nothing but JSON's white space. */
function isBlank(bytes: Buffer): boolean {
  let at = 0;
  while (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === RETURN) at += 1;
  return at === bytes.length;
}
