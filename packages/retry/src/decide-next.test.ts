import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { OUTCOMES } from '@sluice/job';
import type { Attempt, FailureClass, Outcome } from '@sluice/job';
import { CONSEQUENCES } from './consequences.ts';
import { decideNext, spentAttempts } from './decide-next.ts';
import type { FailureFacts } from './decide-next.ts';

const NOW = 1_700_000_000_000;
const HOUR = 3_600_000;
const half = () => 0.5;

const attempt = (deployment: string, outcome: Outcome): Attempt => ({
  deployment,
  provider: 'p',
  started_at: 0,
  queued_ms: 0,
  took_ms: 1,
  outcome,
  status_code: null,
  usage: null,
  cost_usd: null,
  error: null,
});

/** `'a:timeout b:provider_error/500'` → the history; the last one is the attempt being decided on. */
function after(history: string, more: Partial<FailureFacts> = {}): FailureFacts {
  const attempts = history.split(' ').map((word) => {
    const [deployment = '', ended = ''] = word.split(':');
    const [outcome, status = null] = ended.split('/');
    const statusCode = status === null ? null : Number(status);
    return { ...attempt(deployment, outcome as Outcome), status_code: statusCode };
  });
  return {
    outcome: attempts.at(-1)?.outcome as FailureClass,
    attempts,
    maxAttempts: 5,
    backoff: { baseMs: 500, capMs: 30_000 },
    now: NOW,
    deadlineAt: NOW + HOUR,
    retryAfterMs: null,
    ...more,
  };
}

const retry = (where: string, waitMs: number, exclude: string[]) => ({
  kind: 'retry',
  where,
  notBeforeMs: NOW + waitMs,
  exclude,
});

const TABLE: [string, FailureFacts, unknown][] = [
  ['a first failure goes elsewhere soon', after('a:timeout'), retry('elsewhere', 250, ['a'])],
  [
    'the window doubles with every failure',
    after('a:timeout b:provider_error c:network'),
    retry('elsewhere', 1000, ['a', 'b', 'c']),
  ],
  [
    'the one that failed last is excluded last',
    after('a:timeout b:network a:network'),
    retry('elsewhere', 1000, ['b', 'a']),
  ],
  ['a block costs no time', after('a:credential'), retry('elsewhere', 0, ['a'])],
  ['a crash excludes nobody', after('a:lost'), retry('here', 250, [])],
  ['a 429 excludes for one attempt', after('a:rate_limited'), retry('elsewhere', 250, ['a'])],
  [
    'and is forgotten after the next',
    after('a:rate_limited b:timeout'),
    retry('elsewhere', 500, ['b']),
  ],
  ['a bad request fails', after('a:bad_request'), { kind: 'fail' }],
  ['too long a prompt fails', after('a:context_too_long'), { kind: 'fail' }],
  [
    'unless the pool lets a later tier try',
    after('a:context_too_long', { nextTier: true }),
    retry('next_tier', 0, ['a']),
  ],
  ['a bad request fails even then', after('a:bad_request', { nextTier: true }), { kind: 'fail' }],
  [
    'the last attempt is the last',
    after('a:timeout b:timeout a:timeout b:timeout a:timeout'),
    { kind: 'dead' },
  ],
  ['one attempt means one', after('a:timeout', { maxAttempts: 1 }), { kind: 'dead' }],
  [
    '429s and blocks cost no attempt',
    after('a:rate_limited b:quota_exhausted c:model_gone', { maxAttempts: 1 }),
    retry('elsewhere', 0, ['b', 'c']),
  ],
  [
    'three crashes are free',
    after('a:lost a:lost a:lost', { maxAttempts: 1 }),
    retry('here', 1000, []),
  ],
  [
    'a job that keeps killing its worker is dead',
    after('a:lost a:lost a:lost a:lost', { maxAttempts: 1 }),
    { kind: 'dead' },
  ],
  ['no time left', after('a:timeout', { deadlineAt: NOW }), { kind: 'expire' }],
  [
    'waits end before the deadline',
    after('a:timeout', { deadlineAt: NOW + 100 }),
    retry('elsewhere', 50, ['a']),
  ],
  [
    "a provider's wish beyond the deadline does not end the job early",
    after('a:rate_limited', {
      deadlineAt: NOW + 45_000,
      retryAfterMs: HOUR,
      hasAlternative: false,
    }),
    retry('elsewhere', 250, ['a']),
  ],
  [
    'nor does one up to it',
    after('a:overloaded', {
      deadlineAt: NOW + 20_000,
      retryAfterMs: 20_000,
      hasAlternative: false,
    }),
    retry('elsewhere', 250, ['a']),
  ],
  [
    'an answer that cannot be read is bought once more',
    after('a:provider_error/200'),
    retry('elsewhere', 250, ['a']),
  ],
  [
    'and not again, whatever came between',
    after('a:provider_error/200 b:timeout b:provider_error/204'),
    { kind: 'dead' },
  ],
  [
    'a failure that says so may be repeated more often',
    after('a:provider_error/500 b:provider_error/502'),
    retry('elsewhere', 500, ['a', 'b']),
  ],
  [
    "the provider's wish does not hold a job that can go elsewhere",
    after('a:overloaded', { retryAfterMs: 20_000 }),
    retry('elsewhere', 250, ['a']),
  ],
  [
    'but holds one that cannot',
    after('a:overloaded', { retryAfterMs: 20_000, hasAlternative: false }),
    retry('elsewhere', 20_000, ['a']),
  ],
  [
    'for a minute at most',
    after('a:overloaded', { retryAfterMs: HOUR, hasAlternative: false }),
    retry('elsewhere', 60_000, ['a']),
  ],
];

for (const [title, facts, expected] of TABLE) {
  test(title, () => assert.deepEqual(decideNext(facts, half), expected));
}

const failures = OUTCOMES.filter((outcome): outcome is FailureClass => outcome !== 'ok');
const histories = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(...failures)), {
  minLength: 1,
  maxLength: 40,
});

test('a retry comes in time, after now, excludes each deployment once, and never exceeds the attempts', () => {
  fc.assert(
    fc.property(
      histories,
      fc.record({
        maxAttempts: fc.integer({ min: 1, max: 10 }),
        deadlineAt: fc.integer({ min: NOW - 1000, max: NOW + HOUR }),
        retryAfterMs: fc.option(fc.nat({ max: 10 * HOUR })),
        hasAlternative: fc.boolean(),
        nextTier: fc.boolean(),
      }),
      fc.double({ min: 0, max: 0.999_999, noNaN: true }),
      (history, more, chance) => {
        const facts = after(history.map((pair) => pair.join(':')).join(' '), more);
        const step = decideNext(facts, () => chance);
        if (step.kind !== 'retry') return;
        assert.ok(step.notBeforeMs >= NOW && step.notBeforeMs < more.deadlineAt);
        assert.equal(new Set(step.exclude).size, step.exclude.length);
        assert.ok(spentAttempts(facts.attempts) < more.maxAttempts);
        assert.notEqual(CONSEQUENCES[facts.outcome].next, 'never');
      },
    ),
  );
});

test('a job that fails for ever ends after exactly its attempts and free crashes', () => {
  fc.assert(
    fc.property(
      fc.infiniteStream(fc.constantFrom<FailureClass>('timeout', 'network', 'lost')),
      fc.integer({ min: 1, max: 8 }),
      (stream, maxAttempts) => {
        const history: string[] = [];
        for (const outcome of stream) {
          history.push(`a:${outcome}`);
          const step = decideNext(after(history.join(' '), { maxAttempts }), half);
          if (step.kind === 'dead') break;
          assert.equal(step.kind, 'retry');
        }
        assert.ok(history.length >= maxAttempts && history.length <= maxAttempts + 3);
      },
    ),
  );
});
