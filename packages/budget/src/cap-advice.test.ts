import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviseCap, adviseUnlearntCap, capWords } from './cap-advice.ts';
import type { CapFacts } from './cap-advice.ts';

const FACTS: CapFacts = {
  accounting: {
    output: 'max_tokens',
    cachedInput: 'counts',
    failedRequests: 'count',
    outputMultiplier: 1,
    inputAndOutput: 'sum',
  },
  defaultMaxTokens: 1_024,
  isCapped: false,
  booked: { input: 76, output: 1_024 },
  answers: 100,
  meanOutput: 31,
  limits: [
    { dimension: 'tpm', limit: 110_000 },
    { dimension: 'rpm', limit: 500 },
  ],
};

test('where the maximum is charged and answers are short, a cap of four times their mean is told with what it lets through', () => {
  const advice = adviseCap(FACTS) ?? assert.fail();
  assert.deepEqual(advice, {
    meanOutput: 31,
    booked: 1_024,
    cap: 130,
    perMinute: 100,
    capped: 500,
  });
  assert.equal(
    capWords('mini', advice),
    'mini: answers have 31 tokens in the mean, and each request that sets no maximum books 1,024: output_cap: 130 would let 500 calls a minute through instead of 100 (a longer answer is cut off).',
  );
});

test('it is not told where it would change little, or too little is known', () => {
  const { accounting } = FACTS;
  const otherwise: Partial<CapFacts>[] = [
    { accounting: { ...accounting, output: 'actual' } },
    { accounting: { ...accounting, output: 'released' } },
    { isCapped: true },
    { answers: 19 },
    { meanOutput: null },
    { meanOutput: 400 },
    { booked: { input: 76, output: 200 } },
    { booked: { input: 90_000, output: 1_024 } },
    { limits: [{ dimension: 'rpm', limit: 100 }] },
    { limits: [] },
  ];
  for (const facts of otherwise)
    assert.equal(adviseCap({ ...FACTS, ...facts }), null, JSON.stringify(facts));
});

test('before enough answers it is told as a condition: what short ones would change', () => {
  for (const known of [
    { answers: 0, meanOutput: null },
    { answers: 19, meanOutput: 31 },
  ]) {
    const advice = adviseUnlearntCap({ ...FACTS, ...known }) ?? assert.fail();
    assert.deepEqual(advice, {
      meanOutput: null,
      booked: 1_024,
      cap: 260,
      perMinute: 100,
      capped: 110_000 / 336,
    });
    assert.equal(
      capWords('mini', advice),
      'mini: each request that sets no maximum books default_max_tokens, 1,024, for too little is known of its answers yet: if none is to be longer than 260 tokens, that as max_tokens in the lines or as output_cap would let 327 calls a minute through instead of 100 (a longer answer is cut off).',
    );
  }
  const fresh = { ...FACTS, answers: 0, meanOutput: null };
  assert.equal(adviseUnlearntCap(FACTS), null, 'then that is known');
  assert.equal(adviseUnlearntCap({ ...fresh, isCapped: true }), null);
  const requests = [{ dimension: 'rpm' as const, limit: 100 }];
  assert.equal(
    adviseUnlearntCap({ ...fresh, limits: requests }),
    null,
    'requests are what is scarce',
  );
});
