import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRetryAfter } from './retry-after.ts';

test('Retry-After in its two forms', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  const table: [string | undefined, number | null][] = [
    ['120', 120_000],
    [' 0 ', 0],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 23:59:00 GMT', 0],
    [undefined, null],
    ['', null],
    ['-5', null],
    ['1.5', null],
    ['soon', null],
    ['never GMT', null],
  ];
  for (const [text, expected] of table) assert.equal(parseRetryAfter(text, now), expected, text);
});
