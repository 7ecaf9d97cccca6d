import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LEARNING } from './learnt.ts';
import { FULL_PACER, charge } from './pacer.ts';
import { rolled, withSent } from './sent.ts';
import type { Sent } from './sent.ts';
import { usedShare } from './used-share.ts';

const START = 1_700_000_000_000;
const MINUTE_MS = 60_000;

/** Calls of one cost, each begun as many ms after the one before, and what is shown at `atMs`. */
function shown(load: { perMinute: number; everyMs: number; forMs: number; tokens?: number }) {
  const { perMinute, everyMs, forMs, tokens = 0 } = load;
  const msPerUnit = MINUTE_MS / perMinute;
  const dimension = tokens > 0 ? 'tpm' : 'rpm';
  const pace = { msPerUnit, burstMs: Math.max(500, dimension === 'rpm' ? msPerUnit : 0) };
  let sent: Sent | null = null;
  let pacer = FULL_PACER;
  for (let at = 0; at <= forMs; at += everyMs) {
    sent = withSent(rolled(sent, START + at), { requests: 1, input: tokens, output: 0 });
    pacer = charge(pacer, (tokens || 1) * msPerUnit, START + at);
  }
  return (atMs: number): number => {
    const now = START + atMs;
    const aheadMs = Math.max(0, pacer.fullAt - now);
    return usedShare(sent, { dimension, pace, aheadMs, now });
  };
}

const near = (found: number, wanted: number): void =>
  assert.ok(Math.abs(found - wanted) <= 0.05, `${found} instead of ${wanted}`);

test('at full load all of the rate is used, at half of it half, when idle nothing', () => {
  for (const [everyMs, wanted] of [
    [100, 1],
    [200, 0.5],
    [1_000, 0.1],
  ] as const) {
    const at = shown({ perMinute: 600, everyMs, forMs: 60_000 });
    near(at(60_001), wanted);
    assert.equal(at(60_000 + 2 * LEARNING.spanMs + 1), 0);
  }
  assert.equal(shown({ perMinute: 600, everyMs: 1, forMs: -1 })(0), 0, 'nothing was ever sent');
});

test('one call after a quiet hour is no load', () => {
  near(shown({ perMinute: 600, everyMs: 1, forMs: 0 })(1), 0.01);
});

test('a limit slower than the span is used until its next call may start', () => {
  const at = shown({ perMinute: 3, everyMs: 20_000, forMs: 60_000 });
  for (let ms = 60_000; ms < 80_000; ms += 500) assert.equal(at(ms), 1, `${ms}`);
  assert.equal(at(80_001), 0);
});

test('a call that takes half a minute of the tokens uses them all for so long', () => {
  const at = shown({ perMinute: 10_000, everyMs: 30_000, forMs: 60_000, tokens: 5_000 });
  for (let ms = 60_000; ms < 75_000; ms += 500) assert.equal(at(ms), 1, `${ms}`);
  assert.equal(at(91_000), 0);
});
