import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  KEEP_OLD_MS,
  afterDelivery,
  hintOf,
  isListening,
  liveSecrets,
  rotated,
} from './endpoint.ts';
import type { EndpointHealth } from '@sluice/job';
import type { DeliveryEnd } from './endpoint.ts';

const ACTIVE: EndpointHealth = {
  status: 'active',
  disabledReason: null,
  disabledAt: null,
  failingSince: null,
};

describe('secrets', () => {
  const one = { secrets: [{ secret: 'a', until: null }] };

  test('rotating ends the old one at once, or after a day', () => {
    assert.deepEqual(
      liveSecrets({ secrets: rotated(one, { secret: 'b', keepOld: false }, 5) }, 5),
      ['b'],
    );
    const both = { secrets: rotated(one, { secret: 'b', keepOld: true }, 5) };
    assert.deepEqual(liveSecrets(both, 5), ['b', 'a']);
    assert.deepEqual(liveSecrets(both, 5 + KEEP_OLD_MS), ['b']);
  });

  test('rotated again within the day, each keeps the time that it was promised', () => {
    const both = { secrets: rotated(one, { secret: 'b', keepOld: true }, 5) };
    const third = { secrets: rotated(both, { secret: 'c', keepOld: true }, 6) };
    assert.deepEqual(liveSecrets(third, 4 + KEEP_OLD_MS), ['c', 'b', 'a']);
    assert.deepEqual(liveSecrets(third, 5 + KEEP_OLD_MS), ['c', 'b']);
    assert.deepEqual(liveSecrets(third, 6 + KEEP_OLD_MS), ['c']);
    const leaked = { secrets: rotated(third, { secret: 'd', keepOld: false }, 7) };
    assert.deepEqual(liveSecrets(leaked, 7), ['d']);
  });

  test('five are live at most, the newest; those that have ended are forgotten', () => {
    const names = ['b', 'c', 'd', 'e', 'f'];
    const many = names.reduce(
      (before, secret, i) => ({ secrets: rotated(before, { secret, keepOld: true }, i) }),
      one as Parameters<typeof rotated>[0],
    );
    assert.deepEqual(liveSecrets(many, 5), names.toReversed());
    const later = rotated(many, { secret: 'g', keepOld: true }, 10 + KEEP_OLD_MS);
    assert.deepEqual(
      later.map(({ secret }) => secret),
      ['g', 'f'],
    );
  });

  test('a hint tells two apart and gives neither away', () => {
    assert.equal(hintOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwWXYZ'), 'whsec_…WXYZ');
  });
});

test('an endpoint hears of the types it chose, while it is active, and never of its own end', () => {
  const endpoint = {
    id: 'whe_1',
    status: 'active',
    eventTypes: ['job.failed', 'webhook_endpoint.disabled'],
  } as const;
  assert.equal(isListening(endpoint, { type: 'job.failed', subject: 'job_1' }), true);
  assert.equal(isListening(endpoint, { type: 'job.succeeded', subject: 'job_1' }), false);
  assert.equal(
    isListening({ ...endpoint, status: 'disabled' }, { type: 'job.failed', subject: 'job_1' }),
    false,
  );
  assert.equal(
    isListening(endpoint, { type: 'webhook_endpoint.disabled', subject: 'whe_2' }),
    true,
  );
  assert.equal(
    isListening(endpoint, { type: 'webhook_endpoint.disabled', subject: 'whe_1' }),
    false,
  );
});

const after = (...ends: [DeliveryEnd['kind'], number, number][]): EndpointHealth =>
  ends.reduce(
    (health, [kind, firstAt, now]) => afterDelivery(health, { kind, firstAt }, now),
    ACTIVE,
  );

describe('when it is given up', () => {
  test('a 410 disables it at once', () => {
    const { status, disabledAt, disabledReason } = after(['gone', 0, 7]);
    assert.deepEqual([status, disabledAt], ['disabled', 7]);
    assert.match(disabledReason ?? '', /410/);
  });

  test('a schedule without any success does; with one in between it does not', () => {
    const days = 3 * 24 * 3_600_000;
    assert.equal(
      after(['failed', 0, 1], ['failed', 1, 60], ['given_up', 1, days]).status,
      'disabled',
    );
    const between = after(
      ['failed', 0, 1],
      ['delivered', 50, 50],
      ['failed', 60, 60],
      ['given_up', 1, days],
    );
    assert.deepEqual([between.status, between.failingSince], ['active', 60]);
  });

  test('a lone delivery that is given up counts from its own first failure', () => {
    assert.equal(
      after(['failed', 5, 5], ['failed', 5, 50], ['given_up', 5, 99]).status,
      'disabled',
    );
  });

  test('what comes later changes nothing', () => {
    const gone = after(['gone', 0, 7]);
    assert.deepEqual(afterDelivery(gone, { kind: 'delivered', firstAt: 8 }, 8), gone);
  });
});
