import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import type { Asked, Candidate } from './candidate.ts';
import { type Choice, type PoolNow, choose } from './choose.ts';
import { asked, candidate, perMinute, pool } from './example-candidates.ts';

const decide = (
  candidates: readonly Candidate[],
  request: Partial<Asked> = {},
  more: Partial<PoolNow> & { now?: number } = {},
): Choice =>
  choose(asked(request), pool(candidates, more), { now: more.now ?? 0, random: seededRandom(1) });

const placed = (choice: Choice): string =>
  choice.kind === 'place' ? choice.deployment : choice.kind;

const ahead = (aheadMs: number): Candidate =>
  candidate('a', { rates: [perMinute('rpm', 60, { aheadMs })] });
const FULL = { rates: [perMinute('rpm', 60, { aheadMs: 1_500 })] };
const a = candidate('a');
const b = candidate('b', { tier: 2 });

describe('never', () => {
  test('an empty pool, no format that can say it, only tiers above the limit', () => {
    assert.deepEqual(decide([]), { kind: 'never', reason: 'empty' });
    assert.deepEqual(decide([a], { eligible: new Set(['x']) }), {
      kind: 'never',
      reason: 'ineligible',
    });
    assert.deepEqual(decide([b], { maxTier: 1 }), { kind: 'never', reason: 'max_tier' });
  });
});

describe('tiers', () => {
  test('the first tier is kept while it is full', () => {
    const choice = decide([candidate('a', FULL), b]);
    assert.deepEqual(choice, {
      kind: 'wait',
      why: { deployment: 'a', budget: 'own', dimension: 'rpm', state: 'active' },
      retryInMs: 501,
    });
  });

  for (const state of ['paused', 'draining', 'blocked', 'broken'] as const)
    test(`the first tier is left when all in it are ${state}`, () => {
      assert.equal(placed(decide([candidate('a', { state }), b])), 'b');
    });

  test('weight 0 takes nothing new, so its tier is left', () => {
    assert.equal(placed(decide([candidate('a', { weight: 0 }), b])), 'b');
  });

  test('nobody waits for a half-open deployment whose probe is out', () => {
    assert.equal(placed(decide([candidate('a', { state: 'half_open', inFlight: 1 }), b])), 'b');
  });

  test('a job that failed in tier 1 begins at tier 2', () => {
    assert.equal(placed(decide([a, b], { minTier: 2 })), 'b');
  });

  test('a job that failed in every tier starts over', () => {
    assert.equal(placed(decide([a, b], { minTier: 3 })), 'a');
  });

  test('a lower tier is used again when the ones above have nobody', () => {
    const broken = candidate('b', { tier: 2, state: 'broken' });
    assert.equal(placed(decide([a, broken], { minTier: 2 })), 'a');
  });

  test('max_tier: 1 keeps a job in tier 1, waiting for its recovery', () => {
    const choice = decide([candidate('a', { state: 'blocked' }), b], { maxTier: 1 });
    assert.deepEqual(choice, {
      kind: 'wait',
      why: { deployment: 'a', budget: null, dimension: null, state: 'blocked' },
      retryInMs: 1_000,
    });
  });

  test('a pool with spill_after_ms lets a full tier be left, after that long', () => {
    const candidates = [candidate('a', FULL), b];
    const early = decide(candidates, { waitingSince: 0 }, { spillAfterMs: 200, now: 199 });
    assert.equal(early.kind, 'wait');
    const late = decide(candidates, { waitingSince: 0 }, { spillAfterMs: 200, now: 200 });
    assert.equal(placed(late), 'b');
  });

  test('when all tiers are full the wait is for the first', () => {
    const candidates = [candidate('a', FULL), candidate('b', { ...FULL, tier: 2 })];
    const choice = decide(candidates, {}, { spillAfterMs: 0 });
    assert.ok(choice.kind === 'wait' && choice.why.deployment === 'a');
  });
});

describe('excluded deployments', () => {
  const sibling = candidate('c');

  test('are avoided', () => {
    assert.equal(placed(decide([a, sibling], { exclude: ['a'] })), 'c');
  });

  test('are avoided though the other is full', () => {
    const choice = decide([a, candidate('c', FULL)], { exclude: ['a'] });
    assert.ok(choice.kind === 'wait' && choice.why.deployment === 'c');
  });

  test('are used when the tier has nobody else', () => {
    assert.equal(placed(decide([a, candidate('c', { state: 'broken' })], { exclude: ['a'] })), 'a');
  });

  test('are used rather than the next tier, which the failure did not open', () => {
    assert.equal(placed(decide([a, b], { exclude: ['a'] })), 'a');
  });
});

describe('half open', () => {
  const probed = candidate('a', { state: 'half_open' });
  const other = candidate('c');

  test('one batch job goes there before anywhere else, and only one', () => {
    const choice = decide([probed, other], { jobs: 50 });
    assert.ok(choice.kind === 'place' && choice.deployment === 'a' && choice.jobs === 1);
    assert.equal(placed(decide([{ ...probed, queued: 1 }, other])), 'c');
  });

  test('interactive jobs go elsewhere', () => {
    assert.equal(placed(decide([probed, other], { band: 'interactive' })), 'c');
    assert.equal(placed(decide([probed, b], { band: 'interactive' })), 'b');
  });

  test('interactive jobs may try it where no batch does, or nobody else is left', () => {
    const open = { ...probed, probe: 'any' as const };
    assert.equal(placed(decide([open, other], { band: 'interactive' })), 'a');
    const alone = [probed, candidate('c', { state: 'broken' })];
    assert.equal(placed(decide(alone, { band: 'interactive' })), 'a');
  });

  test('the last one, busy, is waited for', () => {
    const choice = decide([{ ...probed, inFlight: 1 }]);
    assert.ok(choice.kind === 'wait' && choice.why.state === 'half_open');
  });
});

describe('waiting', () => {
  test('is for whoever has room first, with the limit that holds it', () => {
    const slow = candidate('a', { rates: [perMinute('rpm', 60, { aheadMs: 9_000 })] });
    const tokens = perMinute('tpm', 6_000, { aheadMs: 3_000.5, budget: 'org' });
    const soon = candidate('c', { rates: [perMinute('rpm', 60), tokens] });
    assert.deepEqual(decide([slow, soon]), {
      kind: 'wait',
      why: { deployment: 'c', budget: 'org', dimension: 'tpm', state: 'active' },
      retryInMs: 2_001,
    });
  });

  test('is long enough: at the said time there is room', () => {
    for (const aheadMs of [1_000, 1_000.25, 1_700, 1_999.999]) {
      const choice = decide([ahead(aheadMs)]);
      assert.ok(choice.kind === 'wait');
      assert.equal(placed(decide([ahead(aheadMs - choice.retryInMs)])), 'a');
    }
  });

  test('is at most a minute at a time, for a limit of 0 too', () => {
    for (const rate of [perMinute('rpd', 10, { aheadMs: 4e7 }), perMinute('rpm', 0)]) {
      const choice = decide([candidate('a', { rates: [rate] })]);
      assert.ok(choice.kind === 'wait' && choice.retryInMs === 60_000);
      assert.equal(choice.why.dimension, rate.dimension);
    }
  });

  test('for a slot is about one call over all slots', () => {
    const busy = candidate('a', { concurrency: 4, inFlight: 4, queued: 4, predictedMs: 2_000 });
    const choice = decide([busy]);
    assert.ok(choice.kind === 'wait');
    assert.deepEqual(choice, {
      kind: 'wait',
      why: { deployment: 'a', budget: null, dimension: 'concurrency', state: 'active' },
      retryInMs: 500,
    });
  });
});

test('a deployment that counts the job differently is asked for its own cost', () => {
  const rates = [perMinute('tpm', 60_000)];
  const candidates = [candidate('a', { rates }), candidate('c', { rates })];
  const costs = new Map([['a', { requests: 1, input: 500, output: 4_096 }]]);
  assert.equal(placed(decide(candidates, { costs })), 'c');
});
