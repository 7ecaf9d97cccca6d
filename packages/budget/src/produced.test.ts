/** A provider that counts output as it is produced, and a batch that never ends. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import * as fc from 'fast-check';
import { book } from './book.ts';
import type { Cost } from './cost.ts';
import { PRODUCING, levelAt } from './produced.ts';
import { HORIZON_MS, KNOWN_WINDOW, rulesOf } from './rules.ts';
import type { Band } from './rules.ts';
import { answeredOf, correctionsOf, settle } from './settle.ts';
import { budgetIn, emptyState, fullState } from './state.ts';
import type { AdmissionState } from './state.ts';

const NOW = 1_700_000_000_000;
/** A token a millisecond. */
const limits = { otpm: 60_000 / KNOWN_WINDOW.share };
const rules = [rulesOf({ id: 'mini', limits, outputCharge: 'actual', root: 'mini' })];
const LEASE_MS = 600_000;
/** As expected of every call, however long its answer will be. */
const EXPECTED: Cost = { requests: 1, input: 10, output: 200, usd: 0 };

interface Call {
  lease: string;
  at: number;
  until: number;
  tokens: number;
}

/** Plays for so long; each call makes a token in `msPerToken` and its answer has as many as `tokens` says. */
function play(tokens: () => number, { forMs, msPerToken }: { forMs: number; msPerToken: number }) {
  let state: AdmissionState = fullState();
  const calls: Call[] = [];
  let open: Call[] = [];
  for (let now = NOW; now < NOW + forMs; now += 10) {
    const ended = open.filter(({ until }) => until <= now);
    open = open.filter(({ until }) => until > now);
    if (ended.length > 0) state = settledWith(state, ended, now);
    const leases = Array.from({ length: 8 }, (_, i) => `${now}-${i}`);
    const costs = leases.map(() => EXPECTED);
    const asked = { rules, costs, band: 'batch' as const, leases, leaseMs: LEASE_MS };
    const { decision, state: next } = book(state, asked, now);
    state = next;
    for (const [i, at] of decision.starts.entries()) {
      const length = tokens();
      const call = {
        lease: leases[i] as string,
        at,
        until: at + length * msPerToken,
        tokens: length,
      };
      calls.push(call);
      open.push(call);
    }
  }
  return { calls, state };
}

function settledWith(state: AdmissionState, ended: readonly Call[], now: number): AdmissionState {
  const items = ended.map(({ lease, tokens, at, until }) => ({
    lease,
    expected: EXPECTED,
    actual: { ...EXPECTED, output: tokens },
    tookMs: until - at,
    heldMs: until - at,
  }));
  const request = {
    rules,
    corrections: rules.map((rule) => correctionsOf(rule, items)),
    leases: ended.map(({ lease }) => lease),
    longestMs: Math.max(...items.map(({ tookMs }) => tookMs)),
    quickestMs: Math.min(...items.map(({ tookMs }) => tookMs)),
    answers: items.length,
    answered: answeredOf(items),
  };
  return settle(state, request, now);
}

/** Tokens produced between two moments. */
const producedIn = (calls: readonly Call[], from: number, to: number): number =>
  calls.reduce((sum, { at, until, tokens }) => {
    const overlap = Math.min(to, until) - Math.max(from, at);
    return overlap > 0 ? sum + (tokens * overlap) / (until - at) : sum;
  }, 0);

describe('a limit on output that is counted as it is produced', () => {
  const long = { forMs: 120_000, msPerToken: 15 };

  test('is used up whatever the answers are long, though all are expected alike', () => {
    for (const [least, most] of [
      [200, 200],
      [20, 800],
      [1, 60],
    ] as const) {
      const random = seededRandom(least);
      const { calls } = play(() => Math.ceil(least + random() * (most - least)), long);
      const used = producedIn(calls, NOW + 30_000, NOW + 120_000) / 90_000;
      assert.ok(used > 0.97 && used < 1.01, `${least} to ${most}: ${used}`);
    }
  });

  test('once the speed is known, no window has more than a second’s burst + rate × w', () => {
    const anyRun = fc.record({
      seed: fc.integer(),
      most: fc.integer({ min: 40, max: 600 }),
      msPerToken: fc.integer({ min: 5, max: 40 }),
    });
    // The longest answer takes 24 s. Before the first have come, calls are paced by what is expected of them: here too little.
    const knownAt = NOW + 30_000;
    const end = NOW + 70_000;
    fc.assert(
      fc.property(anyRun, ({ seed, most, msPerToken }) => {
        const random = seededRandom(seed);
        const { calls } = play(() => Math.ceil(random() * most), { forMs: end - NOW, msPerToken });
        for (const width of [1_000, 5_000, 20_000])
          for (let from = knownAt; from + width < end; from += 500) {
            const produced = producedIn(calls, from, from + width);
            assert.ok(produced <= PRODUCING.fullMs + width, `${produced} in ${width} ms`);
          }
      }),
      { numRuns: 15 },
    );
  });

  test('leaves interactive calls room that batch does not take', () => {
    const { state } = play(() => 200, { forMs: 60_000, msPerToken: 15 });
    const started = (band: Band): number => {
      const leases = Array.from({ length: 32 }, (_, i) => `${band} ${i}`);
      const costs = leases.map(() => EXPECTED);
      const asked = { rules, costs, band, leases, leaseMs: LEASE_MS, horizonMs: HORIZON_MS };
      return book(state, asked, NOW + 60_000).decision.starts.length;
    };
    assert.equal(started('batch'), 0);
    assert.ok(started('interactive') >= 2, `${started('interactive')}`);
  });

  test('after a restart its bucket is empty', () => {
    const { state } = play(() => 200, { forMs: 30_000, msPerToken: 15 });
    const { produced } = budgetIn(state, 'mini');
    const now = NOW + 100_000;
    assert.ok(levelAt({ ...produced, slope: 1 }, { emptiedAt: 0, now }) === PRODUCING.fullMs);
    assert.ok(levelAt(produced, { emptiedAt: emptyState(now).emptiedAt, now }) <= 0);
  });
});
