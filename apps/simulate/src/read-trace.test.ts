import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { readTrace } from './read-trace.ts';

function file(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-trace-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'trace.csv');
  writeFileSync(path, text);
  return path;
}

const HEAD = 'TIMESTAMP,ContextTokens,GeneratedTokens';

test('requests come in the order of their times, counted from the first', async (t) => {
  const rows = ['2023-11-16 18:17:04.5,20,2', '2023-11-16 18:17:03.9799600,10,1', ''];
  const path = file(t, `${HEAD}\r\n${rows.join('\r\n')}`);
  const [first, second] = await readTrace(path, Infinity);
  assert.deepEqual(first, { at: 0, inputTokens: 10, outputTokens: 1 });
  assert.ok(second && Math.abs(second.at - 520.04) < 0.01 && second.inputTokens === 20);
});

test('columns may stand in any order, beside others, with a time zone', async (t) => {
  const path = file(
    t,
    'id,GeneratedTokens,ContextTokens,TIMESTAMP\n1,7,70,2024-05-10 00:00:00.009930+00:00\n',
  );
  assert.deepEqual(await readTrace(path, Infinity), [{ at: 0, inputTokens: 70, outputTokens: 7 }]);
});

test('only as many requests as asked for are read', async (t) => {
  const path = file(t, `${HEAD}\n2023-11-16 18:17:03,1,1\n2023-11-16 18:17:04,1,1\nrubbish`);
  assert.equal((await readTrace(path, 2)).length, 2);
});

const MISTAKES: [what: string, text: string, says: RegExp][] = [
  ['an empty file', '', /trace\.csv: found an empty file; allowed: a first line TIMESTAMP/],
  ['another head', 'a,b\n1,2', /line 1 column TIMESTAMP: found a first line "a,b"/],
  ['no requests', HEAD, /trace\.csv: found no requests/],
  [
    'a word for tokens',
    `${HEAD}\n2023-11-16 18:17:03,x,1`,
    /line 2 column ContextTokens: found "x"/,
  ],
  [
    'negative tokens',
    `${HEAD}\n2023-11-16 18:17:03,1,-1`,
    /line 2 column GeneratedTokens: found "-1"/,
  ],
  ['a missing cell', `${HEAD}\n2023-11-16 18:17:03,1`, /column GeneratedTokens: found nothing/],
  ['another time', `${HEAD}\n\nnow,1,1`, /line 3 column TIMESTAMP: found "now"; allowed: a time/],
];

for (const [what, text, says] of MISTAKES) {
  test(`${what} is a mistake that names file, line and column`, async (t) => {
    await assert.rejects(readTrace(file(t, text), Infinity), says);
  });
}

test('a file that cannot be read is a mistake that names it', async () => {
  await assert.rejects(readTrace('/no/such.csv', 1), /\/no\/such\.csv: found no such file/);
  await assert.rejects(readTrace(tmpdir(), 1), /found a folder/);
});
