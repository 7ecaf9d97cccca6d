import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  type Extent,
  type FileStore,
  FileMissing,
  createIndex,
  encodeRecorded,
} from '@sluice/files';
import { type FinaliseInput, type Finalised, finaliseBatch } from './finalise.ts';
import { putText, request, temporaryStore, textOf } from './temp-batch.ts';

const BATCH = 'batch_00000000000000000000000000000002';
const OUTPUT = 'files/file-output';
const ERRORS = 'files/file-error';
let segments = 0;

interface Row {
  line: number;
  ok: boolean;
  content: string;
}

const outputLine = ({ line, ok, content }: Row): string =>
  JSON.stringify({
    id: `batch_req_${line}`,
    custom_id: `c${line}`,
    response: { status_code: ok ? 200 : 400, request_id: 'r', body: { content } },
    error: null,
  });

async function recordRows(
  store: FileStore,
  groups: readonly (readonly Row[])[],
): Promise<Extent[]> {
  segments += 1;
  const appender = await store.appender(`batches/${BATCH}/segment-${segments}`);
  const extents: Extent[] = [];
  for (const group of groups) {
    const texts = group.map(({ line, ok, content }) =>
      encodeRecorded({ line, ok, output: outputLine({ line, ok, content }), extras: '{"tier":1}' }),
    );
    extents.push(await appender.append(texts.map((text) => Buffer.from(text))));
  }
  await appender.close();
  return extents;
}

const finalise = (store: FileStore, different: Partial<FinaliseInput>): Promise<Finalised> =>
  finaliseBatch({
    store,
    batchId: BATCH,
    extents: [],
    totalLines: 0,
    unfinished: null,
    inputName: 'files/file-in',
    indexNames: [],
    inputGone: true,
    outputName: OUTPUT,
    errorName: ERRORS,
    ...different,
  });

/** An input of `count` requests c1 … with a blank line before every third. Returns their line numbers. */
async function putInput(store: FileStore, count: number): Promise<number[]> {
  const lines: string[] = [];
  const numbers: number[] = [];
  for (let n = 0; n < count; n += 1) {
    if (n % 3 === 2) lines.push('');
    numbers.push(lines.length + 1);
    lines.push(JSON.stringify(request(`c${lines.length + 1}`)));
  }
  await putText(store, 'files/file-in', lines.join('\r\n'));
  return numbers;
}

const linesOf = (text: string | null): string[] =>
  text === null ? [] : text.split('\n').slice(0, -1);

const row = (line: number, ok: boolean, content = ''): Row => ({ line, ok, content });

test('every line once, in its file, in the order of recording', async (t) => {
  const store = await temporaryStore(t);
  const groups = [
    [row(2, true), row(1, false)],
    [row(2, false, 'late'), row(4, true, 'ä\n\u2028')],
    [row(1, true), row(3, false)],
  ];
  const extents = await recordRows(store, groups);
  const result = await finalise(store, { extents, totalLines: 4 });
  const output = [row(2, true), row(4, true, 'ä\n\u2028')].map(outputLine);
  const errors = [row(1, false), row(3, false)].map(outputLine);
  assert.deepEqual(linesOf(await textOf(store, OUTPUT)), output);
  assert.deepEqual(linesOf(await textOf(store, ERRORS)), errors);
  assert.deepEqual(result, {
    kind: 'finalised',
    completed: 2,
    failed: 2,
    unfinished: 0,
    unknown: 0,
    outputBytes: await store.size(OUTPUT),
    errorBytes: await store.size(ERRORS),
  });
});

test('a file without lines does not exist, not even one of an earlier try', async (t) => {
  const store = await temporaryStore(t);
  await putText(store, ERRORS, 'of an earlier try\n');
  const good = await recordRows(store, [[{ line: 1, ok: true, content: '' }]]);
  const onlyGood = await finalise(store, { extents: good, totalLines: 1 });
  assert.equal(onlyGood.kind === 'finalised' && onlyGood.errorBytes, null);
  assert.equal(await textOf(store, ERRORS), null);
  const bad = await recordRows(store, [[{ line: 1, ok: false, content: '' }]]);
  const onlyBad = await finalise(store, { extents: bad, totalLines: 1 });
  assert.equal(onlyBad.kind === 'finalised' && onlyBad.outputBytes, null);
  assert.equal(await textOf(store, OUTPUT), null);
});

test('lines that never ended get an error line with their custom_id', async (t) => {
  const store = await temporaryStore(t);
  const numbers = await putInput(store, 5);
  assert.deepEqual(numbers, [1, 2, 4, 5, 6]);
  const extents = await recordRows(store, [
    [
      { line: 2, ok: true, content: '' },
      { line: 5, ok: false, content: '' },
    ],
  ]);
  const result = await finalise(store, { extents, totalLines: 5, unfinished: 'batch_expired' });
  assert.ok(result.kind === 'finalised');
  assert.deepEqual([result.completed, result.failed, result.unfinished], [1, 1, 3]);
  const errors = linesOf(await textOf(store, ERRORS)).map((line) => JSON.parse(line) as object);
  assert.deepEqual(
    errors.map((line) => ('custom_id' in line ? line.custom_id : null)),
    ['c5', 'c1', 'c4', 'c6'],
  );
  const { id, ...rest } = errors[1] as { id: string };
  assert.match(id, /^batch_req_[0-9a-f]{32}$/);
  assert.deepEqual(rest, {
    custom_id: 'c1',
    response: null,
    error: {
      code: 'batch_expired',
      message: 'This request could not be executed before the completion window expired.',
    },
  });
});

test('cancelled before anything ran, and cancelled when all had run', async (t) => {
  const store = await temporaryStore(t);
  await putInput(store, 2);
  const none = await finalise(store, { totalLines: 2, unfinished: 'batch_cancelled' });
  assert.ok(none.kind === 'finalised');
  assert.deepEqual([none.outputBytes, none.unfinished], [null, 2]);
  assert.match((await textOf(store, ERRORS))!, /"code":"batch_cancelled"/);
  await store.remove('files/file-in');
  const rows = [1, 2].map((line) => ({ line, ok: true, content: '' }));
  const extents = await recordRows(store, [rows]);
  const all = await finalise(store, { extents, totalLines: 2, unfinished: 'batch_cancelled' });
  assert.deepEqual(all.kind === 'finalised' && all.errorBytes, null);
});

test('when lines are missing nothing is written', async (t) => {
  const store = await temporaryStore(t);
  const extents = await recordRows(store, [[{ line: 1, ok: true, content: '' }]]);
  const result = await finalise(store, { extents, totalLines: 3 });
  assert.deepEqual(result, { kind: 'incomplete', expected: 3, found: 1 });
  assert.equal(await textOf(store, OUTPUT), null);
});

test('an input that is gone: lines that did not end are reported by their numbers, from the indexes', async (t) => {
  const store = await temporaryStore(t);
  const extents = await recordRows(store, [[row(2, true), row(5, false)]]);
  const indexNames = ['batches/b/index-0', 'batches/b/index-1'];
  for (const [i, lines] of [
    [1, 2, 7],
    [4, 5],
  ].entries()) {
    const index = await createIndex(store, indexNames[i] as string);
    const rest = { offset: 0, length: 1, characters: 1, maxOutput: null, formats: 1 };
    for (const line of lines) await index.add({ line, ...rest });
    await index.commit();
  }
  const input = { extents, totalLines: 5, unfinished: 'batch_cancelled' } as const;
  const result = await finalise(store, { ...input, indexNames });
  assert.ok(result.kind === 'finalised');
  const { completed, failed, unfinished, unknown } = result;
  assert.deepEqual([completed, failed, unfinished, unknown], [1, 1, 3, 0]);
  const [, ...errors] = linesOf(await textOf(store, ERRORS));
  const told = errors.map(
    (text) => JSON.parse(text) as { custom_id: null; error: { code: string; message: string } },
  );
  assert.deepEqual(
    told.map(({ custom_id: id, error }) => [id, error.code, /line (\d+)/.exec(error.message)?.[1]]),
    [
      [null, 'batch_cancelled', '1'],
      [null, 'batch_cancelled', '7'],
      [null, 'batch_cancelled', '4'],
    ],
  );
});

test('an input that is missing and may come back is waited for, where lines did not end', async (t) => {
  const store = await temporaryStore(t);
  const extents = await recordRows(store, [[row(2, true)]]);
  const input = { extents, totalLines: 3, inputGone: false } as const;
  await assert.rejects(finalise(store, { ...input, unfinished: 'batch_expired' }), FileMissing);
  assert.equal(await textOf(store, OUTPUT), null);
  const all = await finalise(store, { ...input, totalLines: 1 });
  assert.equal(all.kind, 'finalised');
});

test('input and indexes gone: what was recorded is written, the rest is counted', async (t) => {
  const store = await temporaryStore(t);
  const extents = await recordRows(store, [[row(2, true)]]);
  const input = { extents, totalLines: 3, unfinished: 'batch_expired' } as const;
  const result = await finalise(store, { ...input, indexNames: ['batches/b/index-0'] });
  assert.ok(result.kind === 'finalised');
  assert.deepEqual([result.completed, result.unfinished, result.unknown], [1, 0, 2]);
});

test('a segment that is gone, or a stop, leaves no file', async (t) => {
  const store = await temporaryStore(t);
  const extents = await recordRows(store, [[{ line: 1, ok: true, content: '' }]]);
  const gone = [...extents, { segment: 'batches/gone', start: 0, end: 10 }];
  await assert.rejects(finalise(store, { extents: gone, totalLines: 2 }), FileMissing);
  assert.equal(await textOf(store, OUTPUT), null);
  await putInput(store, 30_000);
  const stopped = finalise(store, {
    extents,
    totalLines: 30_000,
    unfinished: 'batch_expired',
    signal: AbortSignal.abort(new Error('stopping')),
  });
  await assert.rejects(stopped, /stopping/);
  assert.equal(await textOf(store, OUTPUT), null);
  assert.equal(await textOf(store, ERRORS), null);
});

test('whatever was recorded how often: output and error hold every line once, twice the same', async (t) => {
  const store = await temporaryStore(t);
  const numbers = await putInput(store, 12);
  const anyRow = fc.record(
    {
      line: fc.constantFrom(...numbers),
      ok: fc.boolean(),
      content: fc.string({ unit: 'binary', maxLength: 10 }),
    },
    { noNullPrototype: true },
  );
  const groups = fc.array(fc.array(anyRow, { maxLength: 5 }), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(groups, async (recorded) => {
      const extents = await recordRows(store, recorded);
      const input = { extents, totalLines: 12, unfinished: 'batch_expired' } as const;
      const result = await finalise(store, input);
      const texts = [await textOf(store, OUTPUT), await textOf(store, ERRORS)] as const;
      const ids = [...linesOf(texts[0]), ...linesOf(texts[1])].map(
        (line) => (JSON.parse(line) as { custom_id: string }).custom_id,
      );
      assert.deepEqual(ids.toSorted(), numbers.map((line) => `c${line}`).toSorted());
      assert.ok(result.kind === 'finalised');
      assert.equal(result.completed, linesOf(texts[0]).length);
      assert.equal(result.completed + result.failed + result.unfinished, 12);
      assert.deepEqual(await finalise(store, input), result);
      assert.deepEqual([await textOf(store, OUTPUT), await textOf(store, ERRORS)], texts);
    }),
    { numRuns: 50 },
  );
});
