import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { encodeRecorded, localStore, StoreAway } from '@sluice/files';
import type { Extent, FileStore } from '@sluice/files';
import type { Ledger } from '@sluice/ledger';
import { RecordedLines } from './recorded-lines.ts';

const LINES = 500;

/** A batch with all its lines recorded, an extent each; `reads`: of how many extents' bytes. */
async function recordedBatch(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-recorded-'));
  const local = localStore(folder);
  t.after(async () => {
    await local.close();
    await rm(folder, { recursive: true });
  });
  const extents: Extent[] = [];
  for (let line = 1; line <= LINES; line++) {
    // Segments of their own: neighbours in one are read together.
    const appender = await local.appender(`batches/b/segment-${line % 2}`);
    const output = `{"custom_id":"c${line}"}`;
    const row = encodeRecorded({ line, ok: line % 3 > 0, output, extras: '{}' });
    extents.push(await appender.append([Buffer.from(row)]));
    await appender.close();
  }
  const seen = { reads: 0, away: false };
  const store: FileStore = {
    ...local,
    readAt(...at) {
      seen.reads++;
      return seen.away ? Promise.reject(new StoreAway('read', 'away')) : local.readAt(...at);
    },
  };
  const rows = extents.map(({ segment, start, end }) => `${segment} ${start} ${end}`);
  const ledger = {
    redis: { lrange: () => Promise.resolve(rows) },
    keys: { extents: String },
  } as unknown as Ledger;
  return { lines: new RecordedLines(ledger, store), seen };
}

test('all who ask for lines of a batch at a moment share one reading of what it recorded', async (t) => {
  const { lines, seen } = await recordedBatch(t);
  const asked = Array.from({ length: LINES }, (_, i) => i + 1);
  const rows = await Promise.all(asked.map((line) => lines.get('b', line)));
  assert.deepEqual(
    rows.map((row) => [row?.line, row?.ok, String(row?.output)]),
    asked.map((line) => [line, line % 3 > 0, `{"custom_id":"c${line}"}`]),
  );
  assert.equal(seen.reads, LINES);
});

test('a line that is not recorded is null, and nobody reads further than to the last line that is asked for', async (t) => {
  const { lines, seen } = await recordedBatch(t);
  assert.equal((await lines.get('b', 2))?.line, 2);
  assert.ok(seen.reads < 30, `${seen.reads} reads`);
  assert.equal(await lines.get('b', LINES + 1), null);
});

test('where the store is away all hear of it, and it is read anew for who asks then', async (t) => {
  const { lines, seen } = await recordedBatch(t);
  seen.away = true;
  const ends = await Promise.allSettled([1, 2, 3].map((line) => lines.get('b', line)));
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  );
  seen.away = false;
  assert.equal((await lines.get('b', 3))?.line, 3);
});
