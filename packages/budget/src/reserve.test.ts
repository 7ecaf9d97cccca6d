import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { book } from './book.ts';
import type { Cost } from './cost.ts';
import { RESERVE } from './reserve.ts';
import { HORIZON_MS, KNOWN_WINDOW, rulesOf } from './rules.ts';
import type { Band } from './rules.ts';
import { fullState } from './state.ts';
import type { AdmissionState } from './state.ts';

const NOW = 1_700_000_000_000;
/** A token a millisecond, and ten calls a second. */
const limits = { tpm: 60_000 / KNOWN_WINDOW.share, rpm: 600 / KNOWN_WINDOW.share };
const rules = [rulesOf({ id: 'mini', limits, outputCharge: 'actual', root: 'mini' })];
const of = (input: number): Cost => ({ requests: 1, input, output: 0, usd: 0 });

function ask(state: AdmissionState, band: Band, { costs, now }: { costs: Cost[]; now: number }) {
  const leases = costs.map((_, i) => `${band} ${now} ${i}`);
  return book(state, { rules, costs, band, leases, leaseMs: 10_000 }, now);
}

const many = Array.from({ length: 32 }, () => of(10));
const delays = (starts: readonly number[], now: number) =>
  starts.map((start) => Math.round(start - now));

/** How many of eight answers of 100 ms of the rate start at once. */
const producing = (outputCharge: 'actual' | 'max_tokens') => {
  const perMs = { otpm: 60_000 / KNOWN_WINDOW.share };
  const own = rulesOf({ id: 'mini', limits: perMs, outputCharge, root: 'mini' });
  const costs = Array.from({ length: 8 }, () => ({ ...of(0), output: 100 }));
  const asked = { costs, band: 'batch' as const, leases: costs.map((_, i) => `${i}`) };
  const request = { rules: [own], ...asked, leaseMs: 10_000, horizonMs: 0 };
  return book(fullState(), request, NOW).decision.starts.length;
};

describe('the reserve for interactive calls', () => {
  test('nobody needs one: batch uses the whole burst and books the whole horizon', () => {
    const { decision } = ask(fullState(), 'batch', { costs: many, now: NOW });
    assert.deepEqual(delays(decision.starts, NOW), [0, 0, 0, 0, 0, 100, 200]);
  });

  test('after an interactive call batch leaves it the burst, and books a little ahead', () => {
    const { state } = ask(fullState(), 'interactive', { costs: [of(1)], now: NOW });
    const now = NOW + 5_000;
    const batch = ask(state, 'batch', { costs: many, now });
    // The next one could start after 100 ms: further ahead than batch is booked.
    assert.deepEqual(delays(batch.decision.starts, now), [0]);
    const left = KNOWN_WINDOW.burstMs - RESERVE.horizonMs - 100;
    const costs = [of(left), of(1)];
    const clump = ask(batch.state, 'interactive', { costs, now });
    assert.deepEqual(delays(clump.decision.starts, now), [0, 0]);
  });

  test('it asked and got nothing: batch makes room for it all the same', () => {
    const full = ask(fullState(), 'batch', { costs: [of(900)], now: NOW });
    const refused = ask(full.state, 'interactive', { costs: [of(400)], now: NOW });
    assert.equal(refused.decision.starts.length, 0);
    const batch = ask(refused.state, 'batch', { costs: [of(10)], now: NOW + 500 });
    assert.equal(batch.decision.starts.length, 0);
    const granted = ask(batch.state, 'interactive', { costs: [of(400)], now: NOW + 800 });
    assert.deepEqual(delays(granted.decision.starts, NOW + 800), [0]);
  });

  test('half a minute without one, and batch has it all again', () => {
    const { state } = ask(fullState(), 'interactive', { costs: [of(1)], now: NOW });
    const at = (now: number) =>
      ask(state, 'batch', { costs: many, now }).decision.starts.filter((start) => start === now);
    assert.equal(at(NOW + RESERVE.forMs - 1).length, 1);
    assert.equal(at(NOW + RESERVE.forMs).length, 5);
  });

  test('the first interactive call of all waits no longer than batch may be booked ahead', () => {
    let state: AdmissionState = fullState();
    for (let now = NOW; now < NOW + 3_000; now += 10)
      state = ask(state, 'batch', { costs: many, now }).state;
    const { decision } = ask(state, 'interactive', { costs: [of(10)], now: NOW + 3_000 });
    const first = decision.starts[0] ?? decision.waitMs ?? 0;
    assert.ok((decision.waitMs ?? first - NOW - 3_000) <= HORIZON_MS + 100);
  });

  test('output that is charged as it is produced: batch alone keeps off most of the burst', () => {
    assert.deepEqual([producing('actual'), producing('max_tokens')], [1, 5]);
  });
});
