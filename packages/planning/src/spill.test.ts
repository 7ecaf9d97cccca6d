import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { intervalMs, placesOf } from './spill.ts';
import type { Places } from './spill.ts';

const place = { cost: { requests: 1, input: 100, output: 20 }, latencyMs: 500 };
const FIRST: Places = { slow: place };
const SECOND: Places = { quick: place };
/** One job in ten seconds on `slow`, ten a second on `quick`. */
const limits = () => ({
  deployments: ['slow', 'quick'].map((id) => ({ id, budgets: [id], concurrency: null })),
  budgets: [
    { id: 'slow', concurrency: null, rates: [{ dimension: 'rpm', perMs: 0.0001, burst: 1 }] },
    { id: 'quick', concurrency: null, rates: [{ dimension: 'rpm', perMs: 0.01, burst: 1 }] },
  ] as const,
});
const namesOf = (tiers: readonly Places[], spillAfterMs: number | null, waitedMs = 0) =>
  Object.keys(placesOf(tiers, { spillAfterMs, waitedMs, limits })).toSorted();

describe('a later tier counts', () => {
  test('never, where the pool does not spill', () => {
    assert.deepEqual(namesOf([FIRST, SECOND], null, 1e9), ['slow']);
  });

  test('where the first takes jobs at longer intervals than are waited', () => {
    assert.deepEqual(namesOf([FIRST, SECOND], 9_999), ['quick', 'slow']);
    assert.deepEqual(namesOf([FIRST, SECOND], 10_001), ['slow']);
    assert.deepEqual(namesOf([SECOND, FIRST], 101), ['quick']);
  });

  test('where they have waited so long, for whatever reason', () => {
    assert.deepEqual(namesOf([SECOND, FIRST], 5_000, 4_999), ['quick']);
    assert.deepEqual(namesOf([SECOND, FIRST], 5_000, 5_000), ['quick', 'slow']);
  });

  test('where nobody takes calls in the first, as the first', () => {
    assert.deepEqual(namesOf([{}, FIRST, SECOND], null), ['slow']);
    assert.deepEqual(namesOf([{}, {}], 0), []);
  });
});

test('the interval is that of the scarcest limit, of several deployments together', () => {
  assert.equal(intervalMs(FIRST, limits()), 10_000);
  assert.ok(Math.abs(intervalMs({ ...FIRST, ...SECOND }, limits()) - 1 / 0.0101) < 1e-6);
  const tokens = { dimension: 'tpm', perMs: 0.0012, burst: 0 } as const;
  const few = { ...limits(), budgets: [{ id: 'slow', concurrency: 1, rates: [tokens] }] };
  assert.ok(Math.abs(intervalMs(FIRST, few) - 100_000) < 1e-6, '120 tokens a job');
  const one = { ...limits(), budgets: [{ id: 'slow', concurrency: 1, rates: [] }] };
  assert.equal(intervalMs(FIRST, one), 500, 'one call at once');
});

test('who has no limit is never waited for: only waits that there were make its lines spill', () => {
  const none = { deployments: limits().deployments, budgets: [] };
  assert.equal(intervalMs(FIRST, none), Number.NEGATIVE_INFINITY);
  const spilling = { spillAfterMs: 0, limits: () => none };
  const tiers = [FIRST, SECOND];
  assert.deepEqual(Object.keys(placesOf(tiers, { ...spilling, waitedMs: -1 })), ['slow']);
});
