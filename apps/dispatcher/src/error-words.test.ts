import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inBrief } from './error-words.ts';

test('the code and the meaning of an error of the system, and not the path', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-words-'));
  t.after(() => rm(folder, { recursive: true }));
  const error: unknown = await readFile(join(folder, 'no-such-file')).catch((one: unknown) => one);
  assert.match(String(error), /no-such-file/);
  assert.equal(inBrief(error), 'ENOENT: no such file or directory');
  assert.equal(
    inBrief(new Error('ENOSPC: no space left on device, write')),
    'ENOSPC: no space left on device',
  );
  assert.equal(
    inBrief(new Error('the bucket, as it is, says no')),
    'the bucket, as it is, says no',
  );
  assert.equal(inBrief('odd'), 'odd');
});
