import assert from 'node:assert/strict';
import { test } from 'node:test';
import { follow } from './follow.ts';
import type { AttemptResult, Following } from './follow.ts';

const facts = { attempt: 1, now: 1_000, random: () => 0.5, delaysMs: [0, 100] };

test('what follows each end of an attempt', () => {
  const table: [AttemptResult, Following][] = [
    [{ kind: 'delivered', status: 200, tookMs: 1 }, { kind: 'done' }],
    [{ kind: 'dropped' }, { kind: 'done' }],
    [{ kind: 'gone' }, { kind: 'end', reason: 'gone: the receiver answered 410' }],
    [
      { kind: 'refused', reason: 'no' },
      { kind: 'end', reason: 'refused: no' },
    ],
    [
      { kind: 'failed', reason: 'cut off' },
      { kind: 'again', at: 1_100, last: 'cut off' },
    ],
    [
      { kind: 'throttled', status: 429, retryAfterMs: null },
      { kind: 'again', at: 1_100, last: 'throttled: 429' },
    ],
    [
      { kind: 'throttled', status: 503, retryAfterMs: 5 },
      { kind: 'again', at: 1_100, last: 'throttled: 503' },
    ],
    [
      { kind: 'throttled', status: 503, retryAfterMs: 5_000 },
      { kind: 'again', at: 6_000, last: 'throttled: 503' },
    ],
  ];
  for (const [result, expected] of table) {
    assert.deepEqual(follow(result, facts), expected, JSON.stringify(result));
  }
});

test('the last attempt ends it, also when the receiver asks for time', () => {
  const last = { ...facts, attempt: 2 };
  assert.deepEqual(follow({ kind: 'failed', reason: 'cut off' }, last), {
    kind: 'end',
    reason: 'given up after 2 attempts: cut off',
  });
  assert.deepEqual(follow({ kind: 'throttled', status: 429, retryAfterMs: 1 }, last), {
    kind: 'end',
    reason: 'given up after 2 attempts: throttled: 429',
  });
});
