import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatheredRefusals } from './gathered-refusals.ts';

test('the first is told at once, those that follow together, with the newest', () => {
  const told: [string, number][] = [];
  let now = 0;
  const refusals = new GatheredRefusals(
    ({ request, requests }) => told.push([request, requests]),
    () => now,
  );
  const note = (at: number): void => {
    now = at;
    refusals.note({ request: `r${at}`, method: 'GET', route: '/v1/jobs', error: 'away' });
  };
  for (const at of [0, 1, 4_999, 5_000, 60_000]) note(at);
  assert.deepEqual(told, [
    ['r0', 1],
    ['r5000', 3],
    ['r60000', 1],
  ]);
});
