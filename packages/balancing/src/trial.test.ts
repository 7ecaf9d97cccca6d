import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trying } from './trial.ts';

const last = { at: 1_000, ended: false, timeoutMs: 60_000 };
const any = { probe: 'any' } as const;

test('one job at a time, the next as soon as it has ended', () => {
  assert.deepEqual(trying(last, any, 10_999), { underWay: 1, probe: 'any' });
  assert.deepEqual(trying({ ...last, ended: true }, any, 1_001), { underWay: 0, probe: 'any' });
});

test('one that hangs keeps off interactive jobs only, until it must have ended', () => {
  assert.deepEqual(trying(last, any, 11_000), { underWay: 0, probe: 'batch' });
  assert.deepEqual(trying(last, any, 65_999), { underWay: 0, probe: 'batch' });
  assert.deepEqual(trying(last, any, 66_000), { underWay: 0, probe: 'any' });
});

test('a short timeout ends it before that', () => {
  const quick = { ...last, timeoutMs: 2_000 };
  assert.deepEqual(trying(quick, any, 7_999), { underWay: 1, probe: 'any' });
  assert.deepEqual(trying(quick, any, 8_000), { underWay: 0, probe: 'any' });
});
