import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration } from './duration.ts';

test('durations are read in every unit, with fractions', () => {
  const cases = ['500ms', '30s', '10m', '24h', '30d', '1.5h', ' 2s '].map(parseDuration);
  assert.deepEqual(cases, [500, 30_000, 600_000, 86_400_000, 2_592_000_000, 5_400_000, 2_000]);
});

test('what has no unit, an unknown one or a sign is no duration', () => {
  for (const text of ['', '24', '24 h', '-1s', '1w', 's', '1e3ms', '1s1s'])
    assert.equal(parseDuration(text), null, text);
});
