/** Segments against a real store: of more batches than may have one open, each keeps its own for as long as it writes. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { localStore } from '@sluice/files';
import { Segments } from './segments.ts';

test('what is appended for many batches at once is all kept, and what was not used for longest is opened anew', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-segments-'));
  const store = localStore(folder);
  const segments = new Segments(store, 'test');
  t.after(async () => {
    await segments.close();
    await store.close();
    await rm(folder, { recursive: true });
  });
  const batches = Array.from({ length: 150 }, (_, i) => `batch_${i}`);
  const appendAll = () =>
    Promise.all(batches.map((batch) => segments.append(batch, [Buffer.from(batch)])));
  const first = await appendAll();
  const second = await appendAll();
  for (const [i, batch] of batches.entries())
    for (const extent of [first[i], second[i]]) {
      assert.ok(extent);
      const length = extent.end - extent.start;
      assert.equal(String(await store.readAt(extent.segment, extent.start, length)), batch);
    }
  const names = new Set([...first, ...second].map(({ segment }) => segment));
  assert.ok(names.size > batches.length, `${names.size}: none was closed`);
});
