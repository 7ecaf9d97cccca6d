import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { afterRequest, mayBeAccepted } from './refusing.ts';
import type { TenantFacts } from './refusing.ts';

const now = 1_700_000_000_000;
const facts = (more: Partial<TenantFacts> = {}): TenantFacts => ({
  now,
  requestsFullAt: 0,
  queued: 0,
  adds: 1,
  drainPerMs: null,
  spentUsd: 0,
  spentLessAt: null,
  ...more,
});

test('without limits nothing is refused', () => {
  const busy = facts({ queued: 1e9, spentUsd: 1e9, requestsFullAt: now + 1e9 });
  assert.deepEqual(mayBeAccepted({}, busy), { kind: 'accept' });
});

test('a full queue refuses, and says when there will be room', () => {
  const limits = { max_queued: 100 };
  assert.deepEqual(mayBeAccepted(limits, facts({ queued: 99 })), { kind: 'accept' });
  assert.deepEqual(mayBeAccepted(limits, facts({ queued: 100, adds: 20, drainPerMs: 0.002 })), {
    kind: 'refuse',
    limit: 'max_queued',
    allowed: 100,
    found: 120,
    retryAfterSeconds: 10,
    acceptedInSeconds: 10,
    retryHelps: true,
  });
});

test('what never fits is not worth another try', () => {
  const never = {
    kind: 'refuse',
    limit: 'max_queued',
    allowed: 100,
    retryAfterSeconds: 60,
    acceptedInSeconds: Infinity,
  };
  const batch = mayBeAccepted({ max_queued: 100 }, facts({ adds: 101, drainPerMs: 1 }));
  assert.deepEqual(batch, { ...never, found: 101, retryHelps: false });
  const stuck = mayBeAccepted({ max_queued: 100 }, facts({ queued: 100 }));
  assert.deepEqual(stuck, { ...never, found: 101, retryHelps: false });
});

test('money spent refuses until some of it is a day old', () => {
  const spent = facts({ spentUsd: 50, spentLessAt: now + 30_500 });
  assert.deepEqual(mayBeAccepted({ usd_per_day: 50 }, spent), {
    kind: 'refuse',
    limit: 'usd_per_day',
    allowed: 50,
    found: 50,
    retryAfterSeconds: 31,
    acceptedInSeconds: 31,
    retryHelps: true,
  });
  const hours = mayBeAccepted({ usd_per_day: 50 }, { ...spent, spentLessAt: now + 3_600_000 });
  assert.ok(hours.kind === 'refuse' && !hours.retryHelps);
  assert.deepEqual([hours.retryAfterSeconds, hours.acceptedInSeconds], [60, 3_600]);
  const never = mayBeAccepted({ usd_per_day: 50 }, { ...spent, spentLessAt: null });
  assert.ok(never.kind === 'refuse' && !never.retryHelps);
  assert.deepEqual([never.retryAfterSeconds, never.acceptedInSeconds], [60, Infinity]);
  assert.equal(mayBeAccepted({ usd_per_day: 50 }, facts({ spentUsd: 49.99 })).kind, 'accept');
});

test('who stays within the limit in every minute is never refused', () => {
  const cases = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.array(fc.nat(20_000)));
  fc.assert(
    fc.property(cases, ([limit, pauses]) => {
      const limits = { requests_per_minute: limit };
      const sent: number[] = [];
      let [requestsFullAt, at] = [0, now];
      for (const pause of pauses) {
        at += pause;
        const oldest = sent.at(-limit);
        if (oldest !== undefined) at = Math.max(at, oldest + 60_000);
        const verdict = mayBeAccepted(limits, facts({ now: at, requestsFullAt }));
        assert.deepEqual(verdict, { kind: 'accept' });
        requestsFullAt = afterRequest(limits, requestsFullAt, at);
        sent.push(at);
      }
    }),
  );
});

test('who floods gets twice the limit in the first minute, then the limit, and is told when', () => {
  const limits = { requests_per_minute: 60 };
  const perMinute = [0, 0, 0];
  let requestsFullAt = 0;
  for (let ms = 0; ms < 180_000; ms += 100) {
    const at = now + ms;
    const verdict = mayBeAccepted(limits, facts({ now: at, requestsFullAt }));
    if (verdict.kind === 'accept') {
      requestsFullAt = afterRequest(limits, requestsFullAt, at);
      perMinute[Math.floor(ms / 60_000)] = (perMinute[Math.floor(ms / 60_000)] as number) + 1;
    } else {
      assert.deepEqual([verdict.retryAfterSeconds, verdict.found], [1, 61]);
      const later = facts({ now: at + 1_000 * verdict.retryAfterSeconds, requestsFullAt });
      assert.equal(mayBeAccepted(limits, later).kind, 'accept');
    }
  }
  assert.deepEqual(perMinute, [119, 60, 60]);
});

test('a limit below one a minute is one at a time', () => {
  const limits = { requests_per_minute: 0.5 };
  assert.equal(mayBeAccepted(limits, facts()).kind, 'accept');
  const verdict = mayBeAccepted(limits, facts({ requestsFullAt: afterRequest(limits, 0, now) }));
  assert.ok(verdict.kind === 'refuse' && verdict.retryAfterSeconds === 60 && !verdict.retryHelps);
});
