import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PROCESS = fileURLToPath(new URL('./large-batch.fixture.ts', import.meta.url));
const LINES = 200_000;
/** What the programs themselves take and little more: their custom_ids alone, kept as texts, would be more than is left. */
const HEAP_MIB = 28;

test('validating and finalising keep nothing of a line but some forty bytes outside the heap', async () => {
  const args = [`--max-old-space-size=${HEAP_MIB}`, '--import', 'tsx', PROCESS, String(LINES)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { validated, finalised } = JSON.parse(stdout) as {
    validated: number;
    finalised: { kind: string; completed: number };
  };
  assert.equal(validated, LINES);
  assert.deepEqual([finalised.kind, finalised.completed], ['finalised', LINES]);
});
