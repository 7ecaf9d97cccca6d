import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration, parseWait, timeOf } from './duration.ts';

const NOW = Date.parse('2025-11-04T14:12:09Z');

for (const [text, ms] of [
  ['12ms', 12],
  ['1s', 1000],
  ['6m0s', 360_000],
  ['2m59.56s', 179_560],
  ['1h2m3.5s', 3_723_500],
  ['1d', 86_400_000],
  ['46', 46_000],
  ['7.66', 7660],
  ['0', 0],
  ['-1', null],
  ['1e3', null],
  ['soon', null],
  ['', null],
] as const) {
  test(`the duration ${JSON.stringify(text)} is ${ms}`, () =>
    assert.equal(parseDuration(text), ms));
}

test('a date is the time until then, and nothing if past or the present is unknown', () => {
  assert.equal(parseWait('2025-11-04T14:12:39Z', NOW), 30_000);
  assert.equal(parseWait('Tue, 04 Nov 2025 14:12:39 GMT', NOW), 30_000);
  assert.equal(parseWait('2025-11-04T14:00:00Z', NOW), 0);
  assert.equal(parseWait('2025-11-04T14:12:39Z', null), null);
  assert.equal(parseWait('-5', NOW), null);
});

test("the provider's clock goes before ours", () => {
  const date = 'Tue, 04 Nov 2025 14:12:09 GMT';
  assert.equal(timeOf({ headers: { date }, receivedAtMs: 5 }), NOW);
  assert.equal(timeOf({ headers: {}, receivedAtMs: 5 }), 5);
  assert.equal(timeOf({ headers: { date: 'yesterday' } }), null);
});
