import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OutputCharge } from '@sluice/job';
import * as fc from 'fast-check';
import { book } from './book.ts';
import type { Cost } from './cost.ts';
import { rulesOf } from './rules.ts';
import type { BudgetRules, PacerRule } from './rules.ts';
import { answeredOf, correctionsOf, refundsOf, renew, settle } from './settle.ts';
import { fullState, pacerIn } from './state.ts';
import type { AdmissionState } from './state.ts';
import { usedIn } from './rolling-window.ts';

const NOW = 1_700_000_000_000 - (1_700_000_000_000 % 3_600_000) + 600_000;

const rulesWith = (outputCharge: OutputCharge): BudgetRules =>
  rulesOf({
    id: 'mini',
    limits: { tpm: 60_000 / 0.985, usd_per_day: 10, concurrency: 8 },
    outputCharge,
    root: 'mini',
  });
const rules = rulesWith('actual');
const tpm = rules.pacers[1] as PacerRule;
const cost = (input: number, output: number, usd = 0): Cost => ({
  requests: 1,
  input,
  output,
  usd,
});

const call = (expected: Cost, actual: Cost | null) => ({
  lease: 'a',
  expected,
  actual,
  tookMs: 1_000,
  heldMs: 1_000,
});

const settled = (state: AdmissionState, calls: ReturnType<typeof call>[], now = NOW) =>
  settle(
    state,
    {
      rules: [rules],
      corrections: [correctionsOf(rules, calls)],
      leases: calls.map(({ lease }) => lease),
      longestMs: 1_000,
      answers: calls.length,
      quickestMs: 1_000,
      answered: answeredOf(calls),
    },
    now,
  );

/** Of the expected output, what answers have: right on average. */
const FACTORS = [0.2, 2.4, 0.6, 0.8];

const ahead = (state: AdmissionState, now: number): number =>
  Math.round(pacerIn(state, 'mini', tpm).fullAt - now);

const spent = (state: AdmissionState): number =>
  usedIn(state.budgets['mini']?.windows.usd_per_day ?? []);

describe('differences between expected and actual', () => {
  test('where the maximum is charged, only the input and the money are corrected', () => {
    const calls = [call(cost(100, 500, 2), cost(120, 50, 1))];
    assert.deepEqual(correctionsOf(rulesWith('actual'), calls), {
      pacers: [0, 20, 20, 0],
      produced: [0, -450, 0, -450],
      windows: [{ more: 0, less: 1 }],
    });
    assert.deepEqual(correctionsOf(rulesWith('max_tokens'), calls), {
      pacers: [0, 20, 20, 0],
      produced: [0, 0, 0, 0],
      windows: [{ more: 0, less: 1 }],
    });
  });

  test('of a call whose cost is not known there are none', () => {
    assert.deepEqual(correctionsOf(rules, [call(cost(100, 500), null)]).pacers, [0, 0, 0, 0]);
  });

  test('debts and credits of one settlement are netted', () => {
    const calls = [call(cost(0, 100), cost(0, 300)), call(cost(0, 100), cost(0, 20))];
    assert.deepEqual(correctionsOf(rules, calls).produced, [0, 120, 0, 120]);
  });
});

describe('a settled pacer', () => {
  test('postpones the next start by the whole debt', () => {
    const state = settled(fullState(), [call(cost(0, 100), cost(0, 1_100))]);
    assert.equal(Math.round(pacerIn(state, 'mini', tpm).fullAt - NOW), 1_000);
  });

  test('keeps credit for later debts, at most half a second of rate, and starts nothing earlier for it', () => {
    const credited = settled(fullState(), [call(cost(2_000, 0), cost(100, 0))]);
    const { fullAt, credit } = pacerIn(credited, 'mini', tpm);
    assert.deepEqual([fullAt, credit], [0, 500]);
    const indebted = settled(credited, [call(cost(100, 0), cost(700, 0))]);
    const pacer = pacerIn(indebted, 'mini', tpm);
    assert.deepEqual([Math.round(pacer.fullAt - NOW), pacer.credit], [100, 0]);
  });

  test('gives output back that was not produced: it was never counted', () => {
    const indebted = settled(fullState(), [call(cost(0, 100), cost(0, 1_100))]);
    const given = settled(indebted, [call(cost(0, 300), cost(0, 100))]);
    assert.equal(Math.round(pacerIn(given, 'mini', tpm).fullAt - NOW), 800);
  });

  test('gives back at once only what a bucket of a second can still hold: a quarter of a second of rate, less debts, and again as time goes by', () => {
    const less = [call(cost(0, 700), cost(0, 100))];
    let state = settled(fullState(), [call(cost(0, 100), cost(0, 10_100))]);
    state = settled(state, less);
    assert.equal(ahead(state, NOW), 10_000 - 250);
    state = settled(state, less);
    assert.equal(ahead(state, NOW), 10_000 - 250);
    state = settled(state, [call(cost(0, 100), cost(0, 300))]);
    state = settled(state, less);
    assert.equal(ahead(state, NOW), 10_000 - 250 + 200 - 200);
    const later = NOW + 2_000;
    assert.equal(ahead(settled(state, less, later), later), 10_000 - 250 - 2_000 - 100);
  });

  test('with estimates that are right on average keeps most of the rate', () => {
    let state = fullState();
    let sent = 0;
    let now = NOW;
    for (let i = 0; now < NOW + 300_000; i += 1) {
      const costs = Array.from({ length: 8 }, () => cost(0, 20));
      const leases = costs.map((_, j) => `${i}-${j}`);
      const request = { rules: [rules], costs, band: 'batch' as const, leases, leaseMs: 1_000 };
      const { decision, state: next } = book(state, request, now);
      sent += decision.starts.length;
      const before = sent - decision.starts.length;
      const ended = decision.starts.map((_, j) => ({
        ...call(cost(0, 20), cost(0, 20 * (FACTORS[(before + j) % 4] as number))),
        lease: leases[j] as string,
      }));
      state = settled(next, ended, now);
      now += Math.max(20, (decision.waitMs ?? 0) - 125);
    }
    const share = (sent * 20) / 300_000;
    assert.ok(share > 0.98, `used ${share} of the rate`);
  });

  test('by the count "expected at the start, difference at the end" a window up to a start holds at most burst + credit + rate × w', () => {
    const step = fc.record({
      after: fc.nat(400),
      book: fc.nat(6),
      output: fc.integer({ min: 1, max: 400 }),
      factor: fc.double({ min: 0, max: 3, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let state = fullState();
        let now = NOW;
        const events: { at: number; ms: number; start: boolean }[] = [];
        for (const [i, { after, book: n, output, factor }] of steps.entries()) {
          now += after;
          const costs = Array.from({ length: n }, () => cost(0, output));
          const leases = costs.map((_, j) => `${i}-${j}`);
          const request = {
            rules: [rules],
            costs,
            band: 'interactive' as const,
            leases,
            leaseMs: 1,
          };
          const booked = book(state, request, now);
          for (const at of booked.decision.starts) events.push({ at, ms: output, start: true });
          const ended = booked.decision.starts.map(() =>
            call(cost(0, output), cost(0, output * factor)),
          );
          state = settled(booked.state, ended, now);
          const ms = ended.length * output * (factor - 1);
          events.push({ at: now, ms, start: false });
        }
        for (let i = 0; i < events.length; i += 1) {
          let ms = 0;
          for (let j = i; j < events.length; j += 1) {
            const [from, to] = [events[i] as (typeof events)[0], events[j] as (typeof events)[0]];
            ms += to.ms;
            if (to.start && from.start) assert.ok(ms <= 1_000 + (to.at - from.at) + 0.01);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('money and counts per day', () => {
  const booked = book(
    fullState(),
    {
      rules: [rules],
      costs: [cost(1, 1, 4), cost(1, 1, 4)],
      band: 'interactive',
      leases: ['a', 'b'],
      leaseMs: 1_000,
    },
    NOW,
  ).state;
  test('follow what calls really cost', () => {
    assert.equal(spent(booked), 8);
    assert.equal(spent(settled(booked, [call(cost(1, 1, 4), cost(1, 1, 1.5))])), 5.5);
    assert.equal(spent(settled(booked, [call(cost(1, 1, 4), cost(1, 1, 6))])), 10);
  });

  test('are given back for calls that were not made', () => {
    const unmade = { longestMs: 0, answers: 0, quickestMs: 0, answered: answeredOf([]) };
    const corrections = [refundsOf(rules, [cost(1, 1, 4)])];
    const request = { rules: [rules], corrections, leases: ['a'], ...unmade };
    assert.equal(spent(settle(booked, request, NOW)), 4);
  });
});

test('renewing prolongs leases; those that had lapsed are named and count again', () => {
  const request = {
    rules: [rules],
    costs: [cost(1, 1)],
    band: 'interactive' as const,
    leases: ['a'],
    leaseMs: 1_000,
  };
  const { state } = book(fullState(), request, NOW);
  const renewed = renew(state, { rules: [rules], leases: ['a', 'b'], leaseMs: 1_000 }, NOW + 900);
  assert.deepEqual(renewed.lost, ['b']);
  assert.deepEqual(renewed.state.budgets['mini']?.leases, {
    a: NOW + 1_900,
    b: NOW + 1_900,
  });
});
