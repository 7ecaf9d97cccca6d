import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Limits } from '@sluice/job';
import { book } from './book.ts';
import { LEARNING } from './learnt.ts';
import { observe } from './observe.ts';
import { pacesOf } from './paces.ts';
import { rulesOf } from './rules.ts';
import type { BudgetRules } from './rules.ts';
import { fullState, pacerIn } from './state.ts';

const NOW = 1_700_000_000_000;
const budget = (limits: Limits, id = 'mini'): BudgetRules =>
  rulesOf({ id, limits, outputCharge: 'actual', root: 'mini' });

/** The pace per minute of each budget after a report of `limit` requests per minute. */
function pacesAfter(rules: BudgetRules[], limit: number, later = 0): number[][] {
  const report = { rules, dimension: 'rpm' as const, limit, remaining: null };
  const state = observe(fullState(), report, NOW);
  return pacesOf(state, rules, NOW + later).map(({ paces }) => paces.map((one) => one.perMinute));
}

describe('a reported limit', () => {
  test('that nobody configured applies, with a margin, until it is a day old', () => {
    assert.deepEqual(pacesAfter([budget({})], 600), [[570]]);
    assert.deepEqual(pacesAfter([budget({})], 600, LEARNING.reportedMs), [[]]);
  });

  test('below a configured one corrects it; above it, it is the operator’s choice', () => {
    assert.deepEqual(pacesAfter([budget({ rpm: 720 })], 600), [[570]]);
    assert.deepEqual(pacesAfter([budget({ rpm: 300 })], 600), [[295.5]]);
  });

  test('is about the budget that configures such a limit', () => {
    assert.deepEqual(pacesAfter([budget({}), budget({ rpm: 1_000 }, 'org')], 600), [[], [570]]);
    const both = [budget({ rpm: 1_000 }), budget({ rpm: 600 }, 'org')];
    assert.deepEqual(pacesAfter(both, 600), [[985], [591]], 'that very limit, if one does');
  });

  test('finds an empty bucket where calls went before it was known', () => {
    const rules = [budget({})];
    const state = observe(
      fullState(),
      { rules, dimension: 'rpm', limit: 600, remaining: null },
      NOW,
    );
    const pacer = pacerIn(state, 'mini', { dimension: 'rpm', burstMs: 500 });
    assert.equal(pacer.fullAt, NOW + 500);
  });
});

test('less left than we thought is believed, more is not', () => {
  const rules = [budget({ rpm: 600 })];
  const report = { rules, dimension: 'rpm' as const, limit: 600 };
  const low = observe(fullState(), { ...report, remaining: 0 }, NOW);
  const high = observe(low, { ...report, remaining: 500 }, NOW);
  for (const state of [low, high])
    assert.equal(pacerIn(state, 'mini', { dimension: 'rpm', burstMs: 500 }).fullAt, NOW + 500);
});

const pacerAt = (state: ReturnType<typeof fullState>): number =>
  pacerIn(state, 'mini', { dimension: 'rpm', burstMs: 0 }).fullAt;

test('what is left is told in whole requests: a part of one more in our picture is no difference', () => {
  const rules = [budget({ rpm: 30 })];
  const request = { requests: 1, input: 0, output: 0, usd: 0 };
  const asked = { rules, costs: [request], band: 'batch' as const, leases: ['l'], leaseMs: 1_000 };
  const booked = book(fullState(), asked, NOW).state;
  const report = { rules, dimension: 'rpm' as const, limit: 30, remaining: 0 };
  const answered = observe(booked, report, NOW + 900);
  assert.equal(pacerAt(answered), pacerAt(booked), 'ours is at less than half a request');
  const idle = observe(booked, report, NOW + 5_000);
  assert.ok(
    pacerAt(idle) > NOW + 5_000 + 1_900,
    'somebody else had the one that we thought was there',
  );
});
