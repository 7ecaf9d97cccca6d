import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as fc from 'fast-check';
import { LineSet } from './line-set.ts';
import { localStore } from './local-store.ts';
import { type ResultsOptions, streamResults } from './results.ts';
import { type Recorded, encodeRecorded, joinNeighbours, readRecorded } from './segment.ts';
import { put, readAll } from './store-contract.ts';
import type { Extent, FileStore } from './store.ts';

let folder: string;
let store: FileStore;
let names = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-results-'));
  store = localStore(folder);
});
after(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

/** Appends each group as one extent, alternating between two segments. */
async function record(groups: readonly (readonly Recorded[])[]): Promise<Extent[]> {
  names += 1;
  const appenders = [await store.appender(`s/${names}-a`), await store.appender(`s/${names}-b`)];
  const extents: Extent[] = [];
  for (const [n, group] of groups.entries()) {
    const appender = appenders[Math.floor(n / 2) % 2]!;
    extents.push(await appender.append(group.map((row) => Buffer.from(encodeRecorded(row)))));
  }
  for (const appender of appenders) await appender.close();
  return extents;
}

const row = (line: number, custom = `c${line}`): Recorded => ({
  line,
  ok: line % 2 === 0,
  output: JSON.stringify({ id: `batch_req_${line}`, custom_id: custom, response: {}, error: null }),
  extras: JSON.stringify({ deployment: 'mini', tier: 1, attempts: 1, cost_usd: null }),
});

async function results(extents: Extent[], options?: ResultsOptions): Promise<unknown[]> {
  const text = String(await readAll(streamResults(store, extents, options)));
  assert.ok(text === '' || text.endsWith('\n'));
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);
}

const shown = ({ output, extras }: Recorded): unknown => ({
  ...(JSON.parse(output) as object),
  sluice: JSON.parse(extras) as unknown,
});

/** Lines whose texts hold anything JSON can hold, pretty-printed or not. */
const anyRow: fc.Arbitrary<Recorded> = fc
  .tuple(
    fc.integer({ min: 1, max: 30 }),
    fc.boolean(),
    fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 3 })),
    fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 1 })),
    fc.constantFrom('', '\t', 2),
  )
  .map(([line, ok, output, extras, space]) => {
    const { sluice: _, ...rest } = output;
    const pretty = JSON.stringify(rest, null, space);
    return { line, ok, output: pretty, extras: JSON.stringify(extras) };
  });

test('any recorded content comes back, each line once, in the order of recording', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(anyRow, { maxLength: 4 }), { maxLength: 6 }),
      fc.nat(8),
      async (groups, skip) => {
        const extents = await record(groups);
        const rows = groups.flat();
        const read: unknown[] = [];
        for await (const lines of readRecorded(store, extents)) {
          for (const { line, ok, output, extras } of lines) {
            read.push([line, ok, JSON.parse(String(output)), JSON.parse(String(extras))]);
          }
        }
        const wanted = rows.map(({ line, ok, output, extras }) => [
          line,
          ok,
          JSON.parse(output) as unknown,
          JSON.parse(extras) as unknown,
        ]);
        assert.deepEqual(read, wanted);
        const first = new Map(rows.toReversed().map((each) => [each.line, each]));
        const once = rows.filter((each) => first.get(each.line) === each).map(shown);
        assert.deepEqual(await results(extents), once);
        assert.deepEqual(await results(extents, { after: skip }), once.slice(skip));
      },
    ),
    { numRuns: 60 },
  );
});

test('texts pass through to the byte', async () => {
  const output =
    '{"custom_id":"ä\\t\\n\\u2028\u2028","response":{"n":1.0e+2,"big":12345678901234567890}}';
  const extents = await record([[{ line: 1, ok: true, output, extras: '{"tier":1}' }]]);
  const text = String(await readAll(streamResults(store, extents)));
  assert.equal(text, `${output.slice(0, -1)},"sluice":{"tier":1}}\n`);
});

test('following a batch: one set of seen lines, new extents each time', async () => {
  const seen = new LineSet();
  const first = await record([[row(1), row(2)]]);
  const second = await record([[row(2), row(3)]]);
  assert.deepEqual(await results(first, { seen }), [shown(row(1)), shown(row(2))]);
  assert.deepEqual(await results(second, { seen }), [shown(row(3))]);
});

test('large lines and many of them, over chunk borders', async () => {
  const rows = Array.from({ length: 3_000 }, (_, n) => row(n + 1, 'x'.repeat((n * 37) % 400)));
  rows.push(row(9_999, 'y'.repeat(400_000)));
  const extents = await record([rows]);
  assert.deepEqual(await results(extents), rows.map(shown));
  assert.deepEqual(await results(extents, { after: 3_000 }), [shown(rows[3_000]!)]);
});

const of = (segment: string, start: number, end: number): Extent => ({ segment, start, end });

test('neighbouring extents are read as one, the order stays', () => {
  assert.deepEqual(
    joinNeighbours([
      of('a', 0, 5),
      of('a', 5, 9),
      of('b', 9, 12),
      of('b', 12, 12),
      of('a', 9, 10),
      of('a', 0, 5),
    ]),
    [of('a', 0, 9), of('b', 9, 12), of('a', 9, 10), of('a', 0, 5)],
  );
});

test('an extent beyond the segment, or a line that is none, stops the reading', async () => {
  await put(store, 's/short', '1\t1\t{}\t{}\n');
  await assert.rejects(results([{ segment: 's/short', start: 0, end: 99 }]), /ends at 10/);
  for (const bad of [
    '1\t1\t{}\n',
    'x\t1\t{}\t{}\n',
    '1\t2\t{}\t{}\n',
    '\t1\t{}\t{}\n',
    '1 1 {} {}\n',
  ]) {
    await put(store, 's/bad', bad);
    const extent = { segment: 's/bad', start: 0, end: bad.length };
    await assert.rejects(results([extent]), /no recorded line at byte 0/, bad);
  }
});
