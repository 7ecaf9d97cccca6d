import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyGroups } from './key-groups.ts';

const record = (line: number, key: number | null) => ({
  line,
  offset: line * 10,
  length: 9,
  characters: 1,
  maxOutput: null,
  formats: 1,
  key,
});

test('lines of a key come together, in the order of the file', () => {
  const groups = new KeyGroups();
  for (const [line, key] of [7, null, 9, 7, 9, null, 7].entries())
    groups.add(record(line + 1, key));
  assert.deepEqual(
    groups.take().map(({ line }) => line),
    [1, 4, 7, 2, 6, 3, 5],
  );
  assert.deepEqual(groups.take(), []);
});

test('a window at a time: none is larger, and no line is left out', () => {
  const groups = new KeyGroups();
  const seen: number[] = [];
  for (let line = 1; line <= 10_000; line += 1)
    if (groups.add(record(line, line % 5))) {
      const window = groups.take();
      assert.equal(window.length, 4_096);
      seen.push(...window.map((one) => one.line));
    }
  seen.push(...groups.take().map((one) => one.line));
  assert.equal(new Set(seen).size, 10_000);
});
