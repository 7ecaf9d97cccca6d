import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OUTCOMES } from '@sluice/job';
import type { FailureClass } from '@sluice/job';
import { CONSEQUENCES } from './consequences.ts';

/** The decisions, spelled out a second time in the words of the design. */
const EXPECTED: Record<FailureClass, string> = {
  rate_limited: 'elsewhere free neutral slows',
  quota_exhausted: 'elsewhere free neutral blocks',
  credential: 'elsewhere free neutral blocks',
  model_gone: 'elsewhere free neutral blocks',
  overloaded: 'elsewhere costs failure',
  timeout: 'elsewhere costs failure',
  network: 'elsewhere costs failure',
  provider_error: 'elsewhere costs failure',
  bad_request: 'never costs neutral',
  context_too_long: 'next_tier costs neutral',
  content_refused: 'next_tier costs neutral',
  lost: 'here free neutral',
};

for (const [outcome, expected] of Object.entries(EXPECTED)) {
  test(`${outcome}: ${expected}`, () => {
    const row = CONSEQUENCES[outcome as FailureClass];
    const words = [row.next, row.costsAttempt ? 'costs' : 'free', row.health];
    if (row.blocks) words.push('blocks');
    if (row.slowsBudget) words.push('slows');
    assert.equal(words.join(' '), expected);
  });
}

test('every failure class has a row and no other', () => {
  assert.deepEqual(
    Object.keys(CONSEQUENCES).toSorted(),
    OUTCOMES.filter((outcome) => outcome !== 'ok').toSorted(),
  );
});

test('what blocks or slows never touches the breaker', () => {
  for (const row of Object.values(CONSEQUENCES)) {
    if (row.blocks || row.slowsBudget) assert.equal(row.health, 'neutral');
  }
});
