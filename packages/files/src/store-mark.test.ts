import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { storeMark } from './store-mark.ts';

test('a folder has the mark that was written there last, for all who open it, and none before', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-mark-'));
  t.after(() => rm(folder, { recursive: true }));
  const files = join(folder, 'files');
  const one = storeMark({ store: 'local' }, files);
  const other = storeMark({ store: 'local' }, files);
  assert.equal(await one.read(), null);
  await one.write('first');
  assert.equal(await other.read(), 'first');
  await other.write('second');
  assert.equal(await one.read(), 'second');
  assert.equal(one.where, `the folder ${files}`);
});
