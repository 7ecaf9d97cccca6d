import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import type { Candidate } from './candidate.ts';
import { capacity } from './capacity.ts';
import { asked, candidate, perMinute } from './example-candidates.ts';
import { NO_MEMORY } from './strategy.ts';

const rate = (aheadMs: number) => [perMinute('rpm', 6_000, { aheadMs })];

const pick = (candidates: Candidate[], random = seededRandom(1)): string => {
  const chance = { memory: NO_MEMORY, random, jobsOn: () => 1 };
  const picked = capacity.pick(asked(), candidates, chance);
  return 'candidate' in picked ? picked.candidate.id : picked.id;
};

const slow = (aheadMs: number) => candidate('slow', { predictedMs: 9_000, rates: rate(aheadMs) });
const quick = (aheadMs: number, predictedMs: number | null = 3_000) =>
  candidate('quick', { predictedMs, rates: rate(aheadMs) });

describe('a deployment that takes far longer', () => {
  test('is tried now and then, so that its recovery is noticed', () => {
    const random = seededRandom(7);
    const picks = Array.from({ length: 10_000 }, () => pick([slow(0), quick(100)], random));
    const share = picks.filter((id) => id === 'slow').length / picks.length;
    assert.ok(share > 0.01 && share < 0.03, `${share}`);
  });

  test('gets nothing while a quicker one has plenty left', () => {
    for (const aheadMs of [0, 100, 400]) assert.equal(pick([slow(0), quick(aheadMs)]), 'quick');
  });

  test('gets its share by budget when nobody quicker has', () => {
    assert.equal(pick([slow(0), quick(600)]), 'slow');
    assert.equal(pick([slow(800), quick(600)]), 'quick');
  });

  test('is one of more than twice the time, of those measured', () => {
    assert.equal(pick([slow(0), quick(100, 5_000)]), 'slow');
    assert.equal(pick([slow(0), quick(100, null)]), 'slow');
    assert.equal(pick([quick(0, null), slow(100)]), 'quick');
    assert.equal(
      pick([candidate('new', { predictedMs: null, rates: rate(0) }), quick(100)]),
      'new',
    );
  });

  test('alone it gets everything', () => {
    assert.equal(pick([slow(0)]), 'slow');
  });
});
