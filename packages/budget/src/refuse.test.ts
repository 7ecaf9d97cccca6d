import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Limits } from '@sluice/job';
import { book } from './book.ts';
import type { Cost } from './cost.ts';
import { LEARNING } from './learnt.ts';
import { observe } from './observe.ts';
import { pacesOf } from './paces.ts';
import { refuse } from './refuse.ts';
import type { Refusal } from './refuse.ts';
import { rulesOf } from './rules.ts';
import type { BudgetRules } from './rules.ts';
import { correctionsOf, settle } from './settle.ts';
import { fullState } from './state.ts';
import type { AdmissionState } from './state.ts';

const NOW = 1_700_000_000_000;
const COST: Cost = { requests: 1, input: 10, output: 10, usd: 0 };

const budget = (limits: Limits, id = 'mini'): BudgetRules =>
  rulesOf({ id, limits, outputCharge: 'actual', root: 'mini' });

const paceNow = (state: AdmissionState, rules: BudgetRules, now: number) =>
  pacesOf(state, [rules], now)[0]?.paces.map(({ dimension, perMinute }) => [
    dimension,
    Math.round(perMinute),
  ]);

const refused = (
  state: AdmissionState,
  rules: BudgetRules[],
  { now = NOW, ...more }: Partial<Refusal> & { now?: number } = {},
): AdmissionState => {
  const said = { limit: null, retryAfterMs: null, tookMs: 5, leaseMs: 10_000, ...more };
  return refuse(state, { rules, cost: COST, ...said }, { now, random: 0.5 });
};

const answered = (
  state: AdmissionState,
  rules: BudgetRules[],
  now: number,
  leases: string[] = [],
): AdmissionState =>
  settle(
    state,
    {
      rules,
      corrections: rules.map((one) => correctionsOf(one, [])),
      leases,
      longestMs: 5,
      answers: 1,
      quickestMs: 5,
      answered: { calls: 0, tokens: 0, ms: 0 },
    },
    now,
  );

const booked = (
  state: AdmissionState,
  rules: BudgetRules[],
  { n, now, cost = COST }: { n: number; now: number; cost?: Cost },
) =>
  book(
    state,
    {
      rules,
      costs: Array.from({ length: n }, () => cost),
      band: 'batch',
      leases: Array.from({ length: n }, (_, i) => `${now}-${i}`),
      leaseMs: 10_000,
    },
    now,
  );

/** The first contradiction of what is configured is only marked. */
const refusedTwice = (
  state: AdmissionState,
  rules: BudgetRules[],
  said: Partial<Refusal> & { now: number },
): AdmissionState => {
  const marked = refused(state, rules, { ...said, now: said.now - 3_000 });
  return refused(answered(marked, rules, said.now - 1_000), rules, said);
};

describe('a 429', () => {
  test('that contradicts a configured limit lowers it only if another follows within 30 s of sending', () => {
    const rules = budget({ rpm: 1_000 });
    const send = (from: AdmissionState, { after, until }: { after: number; until: number }) => {
      let state = answered(from, [rules], NOW + after);
      for (let ms = after; ms < until; ms += 100)
        state = booked(state, [rules], { n: 9, now: NOW + ms }).state;
      return state;
    };
    const full = send(fullState(), { after: 0, until: 12_000 });
    const once = refused(full, [rules], { now: NOW + 12_000 });
    assert.deepEqual(paceNow(once, rules, NOW + 12_000), [['rpm', 985]]);
    const soon = send(once, { after: 14_000, until: 40_000 });
    const lowered = refused(soon, [rules], { now: NOW + 40_000 });
    const [[, pace] = []] = paceNow(lowered, rules, NOW + 40_000) ?? [];
    assert.ok(Number(pace) > 800 && Number(pace) < 900, `${pace}`);
    const late = send(once, { after: 14_000, until: 50_000 });
    const marked = refused(late, [rules], { now: NOW + 50_000 });
    assert.deepEqual(paceNow(marked, rules, NOW + 50_000), [['rpm', 985]]);
  });

  test('lowers a configured pace by a tenth; sent at the learnt one, it rises past it again', () => {
    const rules = budget({ rpm: 1_000 });
    let state = fullState();
    for (let now = NOW; now < NOW + 12_000; now += 100)
      state = booked(state, [rules], { n: 9, now }).state;
    state = refusedTwice(state, [rules], { now: NOW + 12_000 });
    assert.deepEqual(paceNow(state, rules, NOW + 12_000), [['rpm', 887]]);
    const resting = paceNow(state, rules, NOW + 3_600_000);
    assert.deepEqual(resting, [['rpm', 887]], 'an hour without calls proves nothing');
    for (let now = NOW + 13_000; now < NOW + 60_000; now += 100)
      state = booked(state, [rules], { n: 9, now }).state;
    assert.deepEqual(paceNow(state, rules, NOW + 60_000), [['rpm', 985]]);
    state = refused(state, [rules], { now: NOW + 60_000 });
    const later = NOW + 60_000 + LEARNING.keptMs;
    assert.deepEqual(paceNow(state, rules, later), [['rpm', 985]], 'forgotten after a day');
  });

  test('takes three of a hundred where calls come one by one and headers confirm the limit', () => {
    const rules = budget({ rpm: 60 });
    const confirmed = observe(
      fullState(),
      { rules: [rules], dimension: 'rpm', limit: 60, remaining: 60 },
      NOW,
    );
    const after = (start: AdmissionState): [unknown, unknown] => {
      let state = start;
      for (let now = NOW; now < NOW + 20_000; now += 1_030)
        state = booked(state, [rules], { n: 1, now }).state;
      state = refusedTwice(state, [rules], { now: NOW + 20_000 });
      const [[, pace] = []] = paceNow(state, rules, NOW + 20_000) ?? [];
      for (let now = NOW + 21_000; now < NOW + 45_000; now += 1_030)
        state = booked(state, [rules], { n: 1, now }).state;
      const [[, later] = []] = paceNow(state, rules, NOW + 45_000) ?? [];
      return [pace, later];
    };
    assert.deepEqual(after(confirmed), [57, 58], 'of 58');
    const [unconfirmed] = after(fullState());
    assert.ok(Number(unconfirmed) < 52, `${String(unconfirmed)}: the config may be wrong`);
  });

  test('the same where each call is more than a second of a limit on tokens', () => {
    const rules = budget({ tpm: 40_000 });
    const large: Cost = { requests: 1, input: 100, output: 1_024, usd: 0 };
    const confirmed = observe(
      fullState(),
      { rules: [rules], dimension: 'tpm', limit: 40_000, remaining: 40_000 },
      NOW,
    );
    const after = (start: AdmissionState): number => {
      let state = start;
      for (let now = NOW; now < NOW + 20_000; now += 1_720)
        state = booked(state, [rules], { n: 1, now, cost: large }).state;
      state = refusedTwice(state, [rules], { limit: 'tpm', cost: large, now: NOW + 20_000 });
      const [[, pace] = []] = paceNow(state, rules, NOW + 20_000) ?? [];
      return Number(pace);
    };
    assert.ok(after(confirmed) > 0.96 * 39_400, `${after(confirmed)} of 39,400`);
    assert.ok(after(fullState()) < 0.9 * 39_400, `${after(fullState())}: the config may be wrong`);
  });

  test('teaches once per pause, and not again before a call made after it was answered', () => {
    const rules = budget({ rpm: 1_000 });
    const once = refused(fullState(), [rules]);
    const late = refused(once, [rules], { now: NOW + 100 });
    assert.deepEqual(paceNow(late, rules, NOW + 100), paceNow(once, rules, NOW + 100));
    const first = (once.budgets['mini']?.pausedUntil ?? 0) - NOW;
    const again = refused(late, [rules], { now: NOW + 2_000 });
    assert.deepEqual(paceNow(again, rules, NOW + 2_000), paceNow(once, rules, NOW + 2_000));
    const second = (again.budgets['mini']?.pausedUntil ?? 0) - NOW - 2_000;
    assert.deepEqual([first, second], [750, 1_500], 'the pause grows');
    const state = answered(again, [rules], NOW + 9_000);
    const taught = refused(state, [rules], { now: NOW + 9_100 });
    assert.notDeepEqual(paceNow(taught, rules, NOW + 9_100), paceNow(once, rules, NOW + 9_100));
  });

  test('pauses as long as the provider asks', () => {
    const state = refused(fullState(), [budget({})], { retryAfterMs: 7_000 });
    assert.equal(state.budgets['mini']?.pausedUntil, NOW + 7_000);
  });

  test('pauses for a minute at most, also when a call under way then is refused later', () => {
    const limits = budget({});
    const long = { limit: 'rpd', retryAfterMs: 86_400_000 } as const;
    const first = refused(fullState(), [limits], long);
    assert.equal(booked(first, [limits], { n: 1, now: NOW + 59_000 }).decision.waitMs, 1_000);
    assert.equal(booked(first, [limits], { n: 1, now: NOW + 60_000 }).decision.waitMs, null);
    const second = refused(first, [limits], { ...long, now: NOW + 1_000, tookMs: 2_000 });
    assert.equal(booked(second, [limits], { n: 1, now: NOW + 61_000 }).decision.waitMs, null);
  });

  describe('where no limit is known', () => {
    const rules = budget({});
    const fourMore = (state: AdmissionState, now: number): AdmissionState => {
      const leases = Array.from({ length: 4 }, (_, i) => `${now}-${i}`);
      return answered(booked(state, [rules], { n: 4, now }).state, [rules], now + 50, leases);
    };

    test('makes a pace: nine tenths of what was let pass', () => {
      const eight = fourMore(fourMore(fullState(), NOW), NOW + 100);
      const after = refused(eight, [rules], { now: NOW + 900, tookMs: 850 });
      assert.deepEqual(paceNow(after, rules, NOW + 900), [['rpm', 378]], '7 in a second, × 0.9');
    });

    test('and after few calls it is only marked, so that the next call goes after the pause', () => {
      const alone = refused(booked(fullState(), [rules], { n: 1, now: NOW }).state, [rules]);
      assert.deepEqual(paceNow(alone, rules, NOW), []);
      const next = booked(alone, [rules], { n: 1, now: NOW + 1_000 });
      assert.equal(next.decision.waitMs, null);
    });

    test('but a second one within a minute teaches, and no less than what pauses would let pass', () => {
      const once = refused(booked(fullState(), [rules], { n: 1, now: NOW }).state, [rules]);
      const passed = answered(
        booked(once, [rules], { n: 1, now: NOW + 2_000 }).state,
        [rules],
        NOW + 2_100,
      );
      const twice = refused(passed, [rules], { now: NOW + 50_000 });
      assert.deepEqual(paceNow(twice, rules, NOW + 50_000), [['rpm', 4]]);
      const late = refused(passed, [rules], { now: NOW + 70_000 });
      assert.deepEqual(paceNow(late, rules, NOW + 70_000), [], 'marked again');
    });
  });

  test('that names a limit teaches that one, on the budget that has it', () => {
    const own = budget({});
    const org = budget({ tpm: 60_000 }, 'org');
    const state = refusedTwice(fullState(), [own, org], { limit: 'tpm', now: NOW });
    assert.deepEqual(paceNow(state, own, NOW), []);
    assert.deepEqual(paceNow(state, org, NOW), [['tpm', 26_595]]);
    assert.equal(state.budgets['mini']?.pausedUntil ?? 0, 0, 'the others go on');
  });

  test('about a day teaches no pace', () => {
    const rules = budget({ rpm: 600, rpd: 1_000 });
    const state = refused(fullState(), [rules], { limit: 'rpd', retryAfterMs: 60_000 });
    assert.deepEqual(paceNow(state, rules, NOW), [['rpm', 591]]);
  });

  test('about calls at once lowers these, not the pace', () => {
    const rules = budget({ concurrency: 20 });
    const before = booked(fullState(), [rules], { n: 20, now: NOW });
    const state = refused(before.state, [rules], { limit: 'concurrency' });
    assert.deepEqual(paceNow(state, rules, NOW), []);
    assert.equal(state.budgets['mini']?.slots?.size, 18);
    const rest = settle(
      state,
      {
        rules: [rules],
        corrections: [correctionsOf(rules, [])],
        leases: Array.from({ length: 4 }, (_, i) => `${NOW}-${i}`),
        longestMs: 5,
        answers: 0,
        quickestMs: 0,
        answered: { calls: 0, tokens: 0, ms: 0 },
      },
      NOW + 1_000,
    );
    assert.equal(booked(rest, [rules], { n: 9, now: NOW + 1_000 }).decision.starts.length, 2);
  });

  test('about calls at once finds out in one pause how many passed', () => {
    const rules = budget({ concurrency: 100 });
    let { state } = booked(fullState(), [rules], { n: 100, now: NOW });
    for (let i = 0; i < 90; i++)
      state = refused(state, [rules], { limit: 'concurrency', now: NOW + 10 + i, tookMs: 10 + i });
    assert.equal(Math.round(state.budgets['mini']?.slots?.size ?? 0), 10, '(100 − 89) × 0.9');
    const later = { limit: 'concurrency' as const, now: NOW + 120, tookMs: 5 };
    const after = refused(state, [rules], later);
    assert.deepEqual(after.budgets['mini']?.slots, state.budgets['mini']?.slots, 'made after it');
  });
});
