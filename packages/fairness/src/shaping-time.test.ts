import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_WORK, plusWork, shapedInTurn, shapedMs } from './shaping-time.ts';

const work = { jobs: 300, tokens: 30_000, callMs: 600_000 };

test('jobs by their rate, tokens by theirs, calls by how many run at once', () => {
  assert.equal(shapedMs({ rpm: 60 }, work), 300_000);
  assert.equal(shapedMs({ tpm: 10_000 }, work), 180_000);
  assert.equal(shapedMs({ concurrency: 4 }, work), 150_000);
});

test('the limit that takes longest decides; without one nothing is held up', () => {
  assert.equal(shapedMs({ rpm: 60, tpm: 10_000, concurrency: 1 }, work), 600_000);
  assert.equal(shapedMs({ rpm: 6_000, tpm: 10_000 }, work), 180_000);
  assert.equal(shapedMs({}, work), 0);
});

test('work adds up', () => {
  assert.deepEqual(plusWork(NO_WORK, work), work);
  assert.equal(shapedMs({ rpm: 60 }, plusWork(work, work)), 600_000);
});

const due = (tenant: string, dueAt: number) => ({ tenant, dueAt, work });

test('of a tenant what is due first goes first, and what is due together goes together', () => {
  const all = [due('a', 2), due('a', 1), due('b', 1), due('a', 2), due('free', 1)];
  const limits = new Map([
    ['a', { rpm: 60, tpm: 1e6 }],
    ['b', { concurrency: 1 }],
  ]);
  assert.deepEqual(
    shapedInTurn(all, (tenant) => limits.get(tenant) ?? null),
    [
      { limit: 'rpm', ms: 900_000 },
      { limit: 'rpm', ms: 300_000 },
      { limit: 'concurrency', ms: 600_000 },
      { limit: 'rpm', ms: 900_000 },
      null,
    ],
  );
});
