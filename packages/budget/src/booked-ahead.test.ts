import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BOOKED_AHEAD, bookedBeyondMs } from './booked-ahead.ts';
import { book } from './book.ts';
import { LONGEST_DEBT_MS } from './pacer.ts';
import { HORIZON_MS, rulesOf } from './rules.ts';
import { fullState, pacerIn } from './state.ts';

const { usualMs, leastMs } = BOOKED_AHEAD;

/** 60,000 tokens a minute: one in a millisecond. */
const beyond = (aheadMs: number, callUnits = 100): number =>
  bookedBeyondMs({ perMs: 1, aheadMs }, () => callUnits);

test('beyond the usual and as much as counts, all beyond the usual counts', () => {
  assert.equal(beyond(0), 0);
  assert.equal(beyond(usualMs + leastMs), 0);
  assert.equal(beyond(usualMs + leastMs + 1), leastMs + 1);
  assert.equal(beyond(30_000), 30_000 - usualMs);
});

test('a call that takes longer than the usual by itself is as usual', () => {
  assert.equal(beyond(10_000 + leastMs, 10_000), 0);
  assert.equal(beyond(10_001 + leastMs, 10_000), leastMs + 1);
  assert.equal(
    bookedBeyondMs({ perMs: 0.1, aheadMs: 10_000 }, () => 1_000),
    0,
    'the same, slower',
  );
});

test('no more than a minute counts, and nothing of a limit that lets nothing through', () => {
  assert.equal(beyond(500_000), LONGEST_DEBT_MS - usualMs);
  assert.equal(
    bookedBeyondMs({ perMs: 0, aheadMs: 30_000 }, () => 1),
    0,
  );
});

const asked = (): number => assert.fail('asked');

test('what one call takes is not asked for where nothing can count', () => {
  assert.equal(bookedBeyondMs({ perMs: 1, aheadMs: usualMs + leastMs }, asked), 0);
});

const rules = [
  rulesOf({ id: 'd', limits: { tpm: 60_000 }, outputCharge: 'max_tokens', root: 'd' }),
];

/** How far the limit is booked once all has started that can be booked now, tokens each; of `first` before them one call. */
function aheadAfter(each: number, first: number | null = null): number {
  const tokens = [...(first === null ? [] : [first]), ...Array<number>(200).fill(each)];
  const costs = tokens.map((input) => ({ requests: 1, input, output: 0, usd: 0 }));
  const leases = costs.map((_, i) => String(i));
  const request = { rules, costs, band: 'batch' as const, leases, leaseMs: 60_000 };
  const { state, decision } = book(fullState(), request, 1_000_000);
  assert.ok(decision.waitMs !== null && decision.waitMs > HORIZON_MS, 'nothing more can be booked');
  return pacerIn(state, 'd', { dimension: 'tpm', burstMs: 500 }).fullAt - 1_000_000;
}

test('full speed is the usual, whatever calls take; a call that is much larger than they are is not', () => {
  for (const each of [20, 400, 3_000, 20_000]) {
    const aheadMs = aheadAfter(each);
    assert.ok(aheadMs > Math.min(each, 500), `${aheadMs}`);
    assert.equal(beyond(aheadMs, each), 0, `${each}: ${aheadMs}`);
  }
  const aheadMs = aheadAfter(100, 40_000);
  assert.ok(aheadMs >= 40_000, `${aheadMs}`);
  assert.equal(beyond(aheadMs), aheadMs - usualMs);
});
