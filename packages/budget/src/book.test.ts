import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Limits } from '@sluice/job';
import { book } from './book.ts';
import type { BookRequest } from './book.ts';
import type { Cost } from './cost.ts';
import { rulesOf } from './rules.ts';
import type { BudgetRules } from './rules.ts';
import { afterRestart, budgetIn, emptyState, fullState, withBudget } from './state.ts';
import type { AdmissionState } from './state.ts';
import { correctionsOf, settle } from './settle.ts';

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;

const budget = (limits: Limits, id = 'mini'): BudgetRules =>
  rulesOf({ id, limits, outputCharge: 'actual', root: 'mini' });

const cost = (input: number, output = 0, usd = 0): Cost => ({ requests: 1, input, output, usd });

const request = (
  rules: BudgetRules[],
  costs: Cost[],
  more: Partial<BookRequest> = {},
): BookRequest => ({
  rules,
  costs,
  band: 'interactive',
  leases: costs.map((_, i) => `lease-${i}`),
  leaseMs: 10_000,
  ...more,
});

const times = (n: number, one: Cost): Cost[] => Array.from({ length: n }, () => one);

describe('booking', () => {
  test('where nothing is known a few calls start at once, the rest waits for answers', () => {
    const { decision } = book(fullState(), request([budget({})], times(40, cost(10))), NOW);
    assert.deepEqual(decision, {
      passedOver: [],
      starts: Array(4).fill(NOW),
      waitMs: 50,
      binding: { budget: 'mini', dimension: 'concurrency' },
      ahead: true,
    });
  });

  test('a full bucket gives its burst, then the rate, then says how long to wait and why', () => {
    const rules = budget({ rpm: 600 / 0.985 });
    const { decision } = book(fullState(), request([rules], times(20, cost(1))), NOW);
    const delays = decision.starts.map((start) => Math.round(start - NOW));
    assert.deepEqual(delays, [0, 0, 0, 0, 0, 100, 200]);
    assert.equal(Math.round(decision.waitMs ?? 0), 300);
    assert.deepEqual(decision.binding, { budget: 'mini', dimension: 'rpm' });
  });

  test('a limit that was wrong for a while holds nobody up longer than a minute once it is right', () => {
    const wrong = [budget({ rpm: 0.01 })];
    const right = [budget({ rpm: 600 })];
    const spoken = book(fullState(), request(wrong, [cost(1)]), NOW).state;
    const asked = book(spoken, request(right, [cost(1)]), NOW + 1_000);
    assert.ok((asked.decision.waitMs ?? 0) <= 60_000, `${asked.decision.waitMs}`);
    // Asking again and again brings it nearer.
    const later = book(asked.state, request(right, [cost(1)]), NOW + 62_000);
    assert.deepEqual(later.decision.starts, [NOW + 62_000]);
    // As long as it stands it is kept.
    assert.ok(
      (book(spoken, request(wrong, [cost(1)]), NOW + 1_000).decision.waitMs ?? 0) > 5_900_000,
    );
  });

  test('a call that no provider could take holds up the next ones for a minute at most', () => {
    const rules = [budget({ tpm: 200_000 })];
    const spoken = book(fullState(), request(rules, [cost(10, 1e9)]), NOW).state;
    const { decision } = book(spoken, request(rules, [cost(10, 10)]), NOW + 1_000);
    assert.ok((decision.waitMs ?? 0) <= 60_000, `${decision.waitMs}`);
  });

  test('a call that its own budget holds back leaves the shared rate to others until then', () => {
    const org = budget({ rpm: 1_200 / 0.985 }, 'org');
    const slow = [budget({ rpm: 300 / 0.985 }), org];
    const spoken = book(fullState(), request(slow, [cost(1)]), NOW - 5_000).state;
    const first = book(spoken, request(slow, times(4, cost(1)), { band: 'batch' }), NOW);
    assert.deepEqual(first.decision.starts, [NOW]);
    assert.equal(first.decision.ahead, false);
    assert.equal(Math.round(first.decision.waitMs ?? 0), 200);
    const other = [budget({ rpm: 6_000 }, 'fast'), org];
    const second = book(first.state, request(other, times(2, cost(1)), { band: 'batch' }), NOW);
    assert.deepEqual(
      second.decision.starts.map((start) => Math.round(start - NOW)),
      [50],
    );
  });

  test('all budgets and dimensions admit, or none is charged', () => {
    const rules = [budget({ rpm: 6_000, itpm: 60_000 }), budget({ otpm: 60 / 0.985 }, 'org')];
    const one = cost(10, 1);
    const first = book(fullState(), request(rules, times(4, one)), NOW);
    assert.equal(first.decision.starts.length, 1);
    assert.deepEqual(first.decision.binding, { budget: 'org', dimension: 'otpm' });
    const again = book(first.state, request(rules, [one]), NOW);
    assert.deepEqual(again.state, first.state);
    assert.equal(Math.round(again.decision.waitMs ?? 0), 1_000);
  });

  test('order is kept: what stands behind a big call does not overtake it', () => {
    const rules = budget({ tpm: 60_000 / 0.985 });
    const { decision, state } = book(
      fullState(),
      request([rules], [cost(400), cost(600), cost(1)]),
      NOW,
    );
    assert.equal(decision.starts.length, 1);
    assert.equal(Math.round(decision.waitMs ?? 0), 400);
    const now = request([rules], [cost(600), cost(1)], { horizonMs: 0 });
    const later = book(state, now, NOW + 400.01);
    assert.equal(later.decision.starts.length, 1, 'the big one starts and leaves a debt');
    assert.equal(Math.round(later.decision.waitMs ?? 0), 101);
  });

  test('interactive starts at once beside a batch that books all it can', () => {
    const rules = budget({ tpm: 600_000, rpm: 6_000 });
    let { state } = book(fullState(), request([rules], [cost(100)]), NOW - 1_000);
    for (let now = NOW; now < NOW + 2_000; now += 7) {
      const batch = request([rules], times(32, cost(100)), { band: 'batch' });
      state = book(state, batch, now).state;
      const talk = book(state, request([rules], [cost(100)]), now);
      assert.equal(talk.decision.starts[0], now);
    }
  });

  test('batch gets the whole rate when it is alone', () => {
    const rules = budget({ tpm: 200_000, rpm: 500 });
    let state: AdmissionState = fullState();
    let now = NOW;
    let sent = 0;
    while (now < NOW + 600_000) {
      const { decision, state: next } = book(
        state,
        request([rules], times(32, cost(300, 300)), { band: 'batch' }),
        now,
      );
      sent += decision.starts.length * 600;
      state = next;
      now += Math.max(5, (decision.waitMs ?? 0) - 125);
    }
    const share = sent / 10 / 200_000;
    assert.ok(share > 0.98 && share < 0.99, `used ${share} of the limit`);
  });

  test('a pause holds everything until it is over', () => {
    const rules = budget({});
    const paused = withBudget(fullState(), 'mini', { pausedUntil: NOW + 900 });
    const { decision } = book(paused, request([rules], [cost(1)]), NOW);
    assert.deepEqual(decision, {
      passedOver: [],
      starts: [],
      waitMs: 900,
      binding: { budget: 'mini', dimension: 'paused' },
      ahead: true,
    });
    assert.deepEqual(book(paused, request([rules], [cost(1)]), NOW + 800).decision.starts, [
      NOW + 900,
    ]);
  });

  test('after a restart buckets are empty', () => {
    const rules = budget({ rpm: 600 / 0.985 });
    for (const state of [emptyState(NOW), afterRestart(fullState(), NOW)]) {
      const { decision } = book(state, request([rules], times(9, cost(1))), NOW);
      assert.deepEqual(
        decision.starts.map((start) => Math.round(start - NOW)),
        [100, 200],
      );
    }
  });
});

describe('permits', () => {
  const rules = budget({ concurrency: 2 });

  test('bound the prefix, come free when a call ends, and lapse', () => {
    const first = book(fullState(), request([rules], times(3, cost(1))), NOW);
    assert.equal(first.decision.starts.length, 2);
    assert.equal(first.decision.binding?.dimension, 'concurrency');
    const more = request([rules], [cost(1)], { leases: ['other'] });
    assert.equal(book(first.state, more, NOW + 9_999).decision.starts.length, 0);
    assert.equal(book(first.state, more, NOW + 10_000).decision.starts.length, 1);
    const ended = settle(
      first.state,
      {
        rules: [rules],
        corrections: [correctionsOf(rules, [])],
        leases: ['lease-0'],
        longestMs: 5,
        answers: 1,
        quickestMs: 5,
        answered: { calls: 0, tokens: 0, ms: 0 },
      },
      NOW + 5,
    );
    assert.equal(book(ended, more, NOW + 5).decision.starts.length, 1);
  });

  test('after a restart every lease lasts one full term', () => {
    const { state } = book(fullState(), request([rules], times(2, cost(1))), NOW);
    const back = afterRestart(state, NOW + 60_000);
    const more = request([rules], [cost(1)], { leases: ['other'] });
    assert.equal(book(back, more, NOW + 69_999).decision.starts.length, 0);
    assert.equal(book(back, more, NOW + 70_000).decision.starts.length, 1);
  });
});

describe('limits per day', () => {
  test('when full, the wait is until the oldest bin has fallen out', () => {
    const rules = budget({ rpd: 3 });
    const start = Math.ceil(NOW / HOUR) * HOUR;
    const first = book(fullState(), request([rules], [cost(1)]), start + 1_000);
    const second = book(first.state, request([rules], times(5, cost(1))), start + 3 * HOUR);
    assert.equal(second.decision.starts.length, 2);
    const fallsOut = start + 25 * HOUR;
    assert.equal(second.decision.waitMs, fallsOut - start - 3 * HOUR);
    const early = book(second.state, request([rules], [cost(1)], { horizonMs: 0 }), fallsOut - 1);
    assert.equal(early.decision.starts.length, 0);
    const then = book(second.state, request([rules], times(2, cost(1))), fallsOut);
    assert.equal(then.decision.starts.length, 1);
  });

  test('a call above the limit itself never starts', () => {
    const rules = budget({ usd_per_day: 1 });
    const { decision } = book(fullState(), request([rules], [cost(1, 1, 1.5)]), NOW);
    assert.deepEqual([decision.starts, decision.waitMs], [[], HOUR]);
  });

  test('what they hold up for longer than is waited for is passed over, and what is smaller still starts', () => {
    const rules = budget({ tpd: 1_000 });
    const sizes = [700, 400, 500, 200, 301].map((input) => cost(input, 0));
    const leases = ['a', 'b', 'c', 'd', 'e'];
    const asked = request([rules], sizes, { leases, passOverMs: 60_000 });
    const { decision, state } = book(fullState(), asked, NOW);
    assert.deepEqual(decision.passedOver, [1, 2, 4]);
    assert.deepEqual(decision.starts, [NOW, NOW]);
    assert.equal(decision.waitMs, null);
    assert.deepEqual(Object.keys(budgetIn(state, 'mini').leases), ['a', 'd']);
  });

  test('what comes back within that time is waited for', () => {
    const rules = budget({ tpd: 1_000 });
    const start = Math.ceil(NOW / HOUR) * HOUR;
    const { state } = book(fullState(), request([rules], [cost(700, 0)]), start);
    const asked = request([rules], [cost(400, 0), cost(100, 0)], { passOverMs: 60_000 });
    const soon = book(state, asked, start + 25 * HOUR - 50_000).decision;
    assert.deepEqual(soon, {
      passedOver: [],
      starts: [],
      waitMs: 50_000,
      binding: { budget: 'mini', dimension: 'tpd' },
      ahead: true,
    });
    assert.deepEqual(book(state, asked, start + 24 * HOUR).decision.passedOver, [0]);
  });

  test('a call above the limit itself is passed over too', () => {
    const asked = request([budget({ usd_per_day: 1 })], [cost(1, 1, 1.5)], { passOverMs: 60_000 });
    assert.deepEqual(book(fullState(), asked, NOW).decision.passedOver, [0]);
  });
});
