import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobsThatFit } from './day-room.ts';
import type { WindowUsed } from './day-room.ts';

const HOUR = 3_600_000;
const window = (
  dimension: WindowUsed['dimension'],
  limit: number,
  used: number,
  nextMs = HOUR,
): WindowUsed => ({ dimension, limit, used, nextMs });

const cost = (input: number, output = 0, usd = 0) => ({ requests: 1, input, output, usd }) as const;
const NOTHING = (): number => 0;

test('what is left decides, of the limit that leaves least: tokens with their input, dollars, requests', () => {
  const windows = [
    window('tpd', 15_300, 14_000),
    window('rpd', 100, 10),
    window('usd_per_day', 3, 2),
  ];
  assert.equal(jobsThatFit(windows, cost(600, 20), NOTHING), 2);
  assert.equal(jobsThatFit(windows, cost(1_290, 20), NOTHING), 0);
  assert.equal(jobsThatFit(windows, cost(10, 1, 0.25), NOTHING), 4);
  assert.equal(jobsThatFit([], cost(1e9), NOTHING), Infinity);
  assert.equal(jobsThatFit([window('usd_per_day', 3, 3)], cost(10), NOTHING), Infinity, 'no price');
});

test('what is placed and not yet booked has its part', () => {
  const windows = [window('tpd', 10_000, 5_000)];
  assert.equal(
    jobsThatFit(windows, cost(1_000), () => 2_500),
    2,
  );
  assert.equal(
    jobsThatFit(windows, cost(1_000), () => 9_000),
    0,
  );
});

test('what comes back within a minute is waited for as any other limit', () => {
  assert.equal(jobsThatFit([window('rpd', 30, 30, 60_000)], cost(1), NOTHING), Infinity);
  assert.equal(jobsThatFit([window('rpd', 30, 30, 60_001)], cost(1), NOTHING), 0);
  assert.equal(jobsThatFit([window('tpd', 500, 0, 0)], cost(501), NOTHING), 0, 'never fits');
});
