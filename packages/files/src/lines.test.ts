import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type LineOptions, readLines } from './lines.ts';

type Plain = [
  line: number,
  offset: number,
  length: number,
  content: string,
  problem: string | null,
];

async function* chunksOf(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const at = [0, ...[...cuts].toSorted((a, b) => a - b), bytes.length];
  for (let n = 1; n < at.length; n += 1) yield bytes.subarray(at[n - 1], at[n]);
}

async function split(bytes: Buffer, cuts: number[], options?: LineOptions): Promise<Plain[]> {
  const found: Plain[] = [];
  for await (const lines of readLines(chunksOf(bytes, cuts), options)) {
    for (const { line, offset, length, bytes: content, problem } of lines) {
      found.push([line, offset, length, content.toString('latin1'), problem]);
    }
  }
  return found;
}

/** The same, said in the plainest way over the whole text at once. */
function expected(bytes: Buffer, maxLineBytes = Infinity): Plain[] {
  const marked = bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]));
  let offset = marked ? 3 : 0;
  const found: Plain[] = [];
  for (const [n, raw] of bytes.toString('latin1', offset).split('\n').entries()) {
    const content = raw.replace(/\r$/, '');
    const plain = (text: string, problem: string | null): Plain => [
      n + 1,
      offset,
      content.length,
      text,
      problem,
    ];
    if (content.length > maxLineBytes) found.push(plain('', 'too_long'));
    else if (/[^ \t\r]/.test(content)) {
      const valid = isUtf8(Buffer.from(content, 'latin1'));
      found.push(plain(content, valid ? null : 'not_utf8'));
    }
    offset += raw.length + 1;
  }
  return found;
}

test('counts blank lines, takes CRLF, a byte order mark and a missing last newline', async () => {
  const bytes = Buffer.from('\ufeff{"a":1}\r\n\r\n  \n{"b":"ä"}');
  assert.deepEqual(await split(bytes, []), [
    [1, 3, 7, '{"a":1}', null],
    [4, 17, 10, Buffer.from('{"b":"ä"}').toString('latin1'), null],
  ]);
  assert.deepEqual(await split(Buffer.alloc(0), []), []);
  assert.deepEqual(await split(Buffer.from('\n'), []), []);
  assert.deepEqual(await split(Buffer.from('\ufeff'), []), []);
});

test('every split of a tricky text at every byte gives the same lines', async () => {
  const tricky = Buffer.concat([
    Buffer.from('\ufeffäöü\r\n\r\n\n \t\rx\r\r\nab'),
    Buffer.from([0xc3, 0x0a, 0xff, 0x0d]),
    Buffer.from('\n€uro\nlong-long-line\r\nend'),
  ]);
  for (const maxLineBytes of [Infinity, 8, 3, 1]) {
    const whole = expected(tricky, maxLineBytes);
    for (let one = 0; one <= tricky.length; one += 1) {
      for (let two = one; two <= tricky.length; two += 1) {
        assert.deepEqual(await split(tricky, [one, two], { maxLineBytes }), whole, `${one} ${two}`);
      }
    }
  }
});

test('any bytes, any cuts, any maximum', async () => {
  const byte = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(0x0a, 0x0d, 0x20, 0x61, 0xc3, 0xa4, 0xef, 0xbb, 0xbf) },
    fc.nat(255),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(byte, { maxLength: 60 }),
      fc.array(fc.nat(60), { maxLength: 10 }),
      fc.oneof(fc.constant(Infinity), fc.nat(20)),
      async (content, cuts, maxLineBytes) => {
        const bytes = Buffer.from(content);
        const inside = cuts.map((cut) => Math.min(cut, bytes.length));
        const got = await split(bytes, inside, { maxLineBytes });
        assert.deepEqual(got, expected(bytes, maxLineBytes));
      },
    ),
    { numRuns: 500 },
  );
});

test('keeps nothing of a line that is too long', async () => {
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  async function* endless(): AsyncGenerator<Buffer> {
    for (let n = 0; n < 2_000; n += 1) {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      yield Buffer.alloc(64 * 1024, 0x61);
    }
  }
  const found: number[] = [];
  for await (const lines of readLines(endless(), { maxLineBytes: 100_000 })) {
    for (const { problem, length, bytes } of lines) {
      assert.equal(problem, 'too_long');
      found.push(length, bytes.length);
    }
  }
  assert.deepEqual(found, [2_000 * 64 * 1024, 0]);
  assert.ok(most < 96 * 1024 * 1024, `${most} bytes held of 125 MiB`);
});
