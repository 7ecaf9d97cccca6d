import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CandidateState } from './candidate.ts';
import { isUsable, takesCalls, takesCallsOf } from './takes.ts';

test('who takes calls, who takes any, and who can say what is asked', () => {
  const cases: [CandidateState, weight: number, takes: boolean, usable: boolean][] = [
    ['active', 1, true, true],
    ['active', 0, false, false],
    ['half_open', 1, false, true],
    ['half_open', 0, false, false],
    ['draining', 1, false, false],
    ['paused', 1, false, false],
    ['blocked', 1, false, false],
    ['broken', 1, false, false],
  ];
  for (const [state, weight, takes, usable] of cases) {
    const one = { id: 'a', state, weight };
    assert.deepEqual([takesCalls(one), isUsable(one)], [takes, usable], `${state} ${weight}`);
    assert.equal(takesCallsOf(new Set(['a']), one), takes);
    assert.equal(takesCallsOf(new Set(['b']), one), false);
  }
});
