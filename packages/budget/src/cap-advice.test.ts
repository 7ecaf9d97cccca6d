import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviseCap, capWords } from './cap-advice.ts';
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
