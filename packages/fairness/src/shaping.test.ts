import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UNUSED, afterSending, mayBeSent } from './shaping.ts';
import type { ShapingState } from './shaping.ts';

const now = 1_700_000_000_000;

test('without limits everything may be sent', () => {
  assert.deepEqual(mayBeSent({}, UNUSED, { inFlight: 1_000, now }), {
    kind: 'send',
    jobs: Infinity,
  });
});

test('a second of requests at once, then one at a time', () => {
  const limits = { rpm: 600 };
  assert.deepEqual(mayBeSent(limits, UNUSED, { inFlight: 0, now }), { kind: 'send', jobs: 10 });
  const state = afterSending(limits, UNUSED, { requests: 10, tokens: 0, now });
  assert.deepEqual(mayBeSent(limits, state, { inFlight: 10, now }), {
    kind: 'wait',
    limit: 'rpm',
    untilAt: now + 100,
  });
  assert.deepEqual(mayBeSent(limits, state, { inFlight: 0, now: now + 100 }), {
    kind: 'send',
    jobs: 1,
  });
});

test('a limit below one a second lets one through at a time', () => {
  const limits = { rpm: 6 };
  assert.deepEqual(mayBeSent(limits, UNUSED, { inFlight: 0, now }), { kind: 'send', jobs: 1 });
  const state = afterSending(limits, UNUSED, { requests: 1, tokens: 0, now });
  const verdict = mayBeSent(limits, state, { inFlight: 0, now });
  assert.deepEqual(verdict, { kind: 'wait', limit: 'rpm', untilAt: now + 10_000 });
});

test('tokens are paid afterwards and given back', () => {
  const limits = { tpm: 60_000 };
  const spent = afterSending(limits, UNUSED, { requests: 1, tokens: 5_000, now });
  const wait = mayBeSent(limits, spent, { inFlight: 0, now });
  assert.deepEqual(wait, { kind: 'wait', limit: 'tpm', untilAt: now + 4_001 });
  const back = afterSending(limits, spent, { requests: 0, tokens: -4_500, now });
  assert.equal(mayBeSent(limits, back, { inFlight: 0, now }).kind, 'send');
});

test('slots are the least of what is allowed; a full tenant waits for an end', () => {
  const limits = { rpm: 6_000, concurrency: 4 };
  assert.deepEqual(mayBeSent(limits, UNUSED, { inFlight: 1, now }), { kind: 'send', jobs: 3 });
  assert.deepEqual(mayBeSent(limits, UNUSED, { inFlight: 4, now }), {
    kind: 'wait',
    limit: 'concurrency',
    untilAt: null,
  });
});

test('never more than rate × (window + 1 s) and the last job; who waits as told may send', () => {
  const cases = fc.record({
    rpm: fc.integer({ min: 1, max: 6_000 }),
    tpm: fc.integer({ min: 60, max: 1_000_000 }),
    jobs: fc.array(fc.tuple(fc.integer({ min: 1, max: 5_000 }), fc.nat(3_000)), { minLength: 1 }),
  });
  fc.assert(
    fc.property(cases, ({ rpm, tpm, jobs }) => {
      const limits = { rpm, tpm };
      let state: ShapingState = UNUSED;
      let at = now;
      const sent: { at: number; tokens: number }[] = [];
      for (const [tokens, pause] of jobs) {
        at += pause;
        const verdict = mayBeSent(limits, state, { inFlight: 0, now: at });
        if (verdict.kind === 'wait') {
          assert.ok(verdict.untilAt !== null && verdict.untilAt > at);
          at = Math.ceil(verdict.untilAt);
          const both = mayBeSent(limits, state, { inFlight: 0, now: at });
          if (both.kind === 'wait') at = Math.ceil(both.untilAt as number);
          assert.equal(mayBeSent(limits, state, { inFlight: 0, now: at }).kind, 'send');
        }
        state = afterSending(limits, state, { requests: 1, tokens, now: at });
        sent.push({ at, tokens });
      }
      for (let i = 0; i < sent.length; i += 1) {
        let [requests, tokens] = [0, 0];
        for (let j = i; j < sent.length; j += 1) {
          const minutes =
            ((sent[j] as { at: number }).at - (sent[i] as { at: number }).at) / 60_000;
          // Before the last job of the window.
          assert.ok(requests <= rpm * (minutes + 1 / 60) + 1e-6);
          const before = j > i ? (sent[j - 1] as { tokens: number }).tokens : 0;
          assert.ok(tokens - before <= tpm * (minutes + 1 / 60) + 1e-6);
          requests += 1;
          tokens += (sent[j] as { tokens: number }).tokens;
        }
      }
    }),
  );
});
