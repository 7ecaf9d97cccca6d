import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { activeFaults } from './faults.ts';
import type { Moment } from './faults.ts';
import type { Fault } from './options.ts';

const FAULT: Fault = { kind: 'error', at_ms: 0, for_ms: null, from: 'set', rate: 1, factor: 10 };

function kinds(faults: Partial<Fault>[], moment: Partial<Moment>): string[] {
  const plan = { faults: faults.map((fault) => ({ ...FAULT, ...fault })), setAt: 1_000 };
  const active = activeFaults(plan, {
    now: 1_000,
    firstCallAt: null,
    draw: 1,
    text: '',
    ...moment,
  });
  return [...active.keys()];
}

describe('a fault', () => {
  it('lasts from at_ms for for_ms, counted from when it was set', () => {
    const fault = { at_ms: 500, for_ms: 100 };
    assert.deepEqual(kinds([fault], { now: 1_499 }), []);
    assert.deepEqual(kinds([fault], { now: 1_500 }), ['error']);
    assert.deepEqual(kinds([fault], { now: 1_599 }), ['error']);
    assert.deepEqual(kinds([fault], { now: 1_600 }), []);
  });

  it('may count from the first call and never begins before it', () => {
    const fault = { at_ms: 500, for_ms: 100, from: 'first_call' as const };
    assert.deepEqual(kinds([fault], { now: 9_999_999, firstCallAt: null }), []);
    assert.deepEqual(kinds([fault], { now: 8_550, firstCallAt: 8_000 }), ['error']);
    assert.deepEqual(kinds([fault], { now: 8_499, firstCallAt: 8_000 }), []);
  });

  it('hits the share of calls asked for, the same calls for the same seed', () => {
    const hits = Array.from(
      { length: 10_000 },
      (_, draw) => kinds([{ rate: 0.2 }], { draw }).length,
    );
    const share = hits.reduce((sum, hit) => sum + hit, 0) / hits.length;
    assert.ok(Math.abs(share - 0.2) < 0.02, `share ${share}`);
    const again = Array.from(
      { length: 10_000 },
      (_, draw) => kinds([{ rate: 0.2 }], { draw }).length,
    );
    assert.deepEqual(again, hits);
  });

  it('hits only bodies with its text', () => {
    assert.deepEqual(kinds([{ match: 'poison' }], { text: '{"a":"poisoned"}' }), ['error']);
    assert.deepEqual(kinds([{ match: 'poison' }], { text: '{"a":"harmless"}' }), []);
  });

  it('is one of its kind: the first that hits', () => {
    const plan = {
      faults: [
        { ...FAULT, status: 503 },
        { ...FAULT, status: 500 },
      ],
      setAt: 0,
    };
    const moment = { now: 0, firstCallAt: 0, draw: 0, text: '' };
    assert.equal(activeFaults(plan, moment).get('error')?.status, 503);
  });
});
