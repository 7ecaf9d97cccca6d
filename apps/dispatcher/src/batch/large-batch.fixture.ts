// A large batch, validated and finalised in a process of its own, whose heap a test keeps small. Says what came of it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Extent, type FileStore, encodeRecorded, localStore } from '@sluice/files';
import { finaliseBatch } from './finalise.ts';
import { RULES, request } from './temp-batch.ts';
import { validateBatch } from './validate.ts';

const BATCH = 'batch_00000000000000000000000000000003';
const INPUT = 'files/file-in';
const AT_ONCE = 1_000;

const customId = (line: number): string => `a-custom-id-as-long-as-clients-like-them-${line}`;

const numbersFrom = (from: number, lines: number): number[] =>
  Array.from({ length: Math.min(AT_ONCE, lines - from) }, (_, i) => from + i + 1);

async function writeInput(store: FileStore, lines: number): Promise<void> {
  const writing = await store.create(INPUT);
  for (let from = 0; from < lines; from += AT_ONCE) {
    const texts = numbersFrom(from, lines).map((n) => `${JSON.stringify(request(customId(n)))}\n`);
    await writing.write(Buffer.from(texts.join('')));
  }
  await writing.commit();
}

async function record(store: FileStore, lines: number): Promise<Extent[]> {
  const appender = await store.appender(`batches/${BATCH}/segment-1`);
  const extents: Extent[] = [];
  for (let from = 0; from < lines; from += AT_ONCE) {
    const texts = numbersFrom(from, lines).map((line) => {
      const output = JSON.stringify({ id: `r${line}`, custom_id: customId(line), response: {} });
      return encodeRecorded({ line, ok: true, output, extras: '{}' });
    });
    extents.push(await appender.append([Buffer.from(texts.join(''))]));
  }
  await appender.close();
  return extents;
}

async function run(store: FileStore, lines: number): Promise<object> {
  await writeInput(store, lines);
  const about = { store, batchId: BATCH, inputName: INPUT };
  const validated = await validateBatch({
    ...about,
    endpoint: '/v1/chat/completions',
    rules: RULES,
  });
  const finalised = await finaliseBatch({
    ...about,
    extents: await record(store, lines),
    totalLines: lines,
    unfinished: null,
    indexNames: [],
    inputGone: true,
    outputName: 'files/file-output',
    errorName: 'files/file-error',
  });
  return { validated: validated.kind === 'valid' && validated.lines, finalised };
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-large-'));
const store = localStore(folder);
try {
  process.stdout.write(JSON.stringify(await run(store, Number(process.argv[2]))));
} finally {
  await store.close();
  rmSync(folder, { recursive: true });
}
