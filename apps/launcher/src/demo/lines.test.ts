import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressLine, summary } from './lines.ts';
import type { Batch } from './lines.ts';

const batch: Batch = {
  id: 'batch_1',
  status: 'in_progress',
  request_counts: { total: 1000, completed: 498, failed: 2 },
  sluice: {
    eta_at: 1_000_020,
    ideal_ms: 40_000,
    cost_usd: 0.01234,
    by_deployment: { 'sim-b': 200, 'sim-a': 300 },
    running: 9,
    blocked: [],
  },
};

test('progress shows how far, by whom, how long, refusals and cost', () => {
  assert.equal(
    progressLine({ batch, limited: 1, now: 1_000_000_000 }),
    '██████████░░░░░░░░░░ 500/1000 · sim-a 60 % · sim-b 40 % · ETA 20 s · T* 40.0 s · 1 429 · $0.0123',
  );
});

test('what is not known yet is left out, what is blocked is said', () => {
  const early: Batch = {
    ...batch,
    status: 'validating',
    request_counts: { total: 0, completed: 0, failed: 0 },
    sluice: {
      ...batch.sluice,
      eta_at: null,
      ideal_ms: null,
      cost_usd: null,
      by_deployment: {},
      blocked: [{ deployment: 'sim-c', reason: 'credential' }],
    },
  };
  assert.equal(
    progressLine({ batch: early, limited: 0, now: 0 }),
    '░░░░░░░░░░░░░░░░░░░░ 0/0 · validating · 0 429s · sim-c: credential',
  );
});

test('the summary compares with the best possible', () => {
  const text = summary({ batch, tookMs: 44_000, limited: 0, failed: 12, api: 'http://h:1' });
  assert.deepEqual(text.split('\n'), [
    '498 of 1000 answered in 44.0 s, 1.10 × T* (40.0 s, the best possible with every provider well)',
    'Share:    sim-a 60 % · sim-b 40 %',
    'Failures: 0 429s; 12 other failed calls, each tried again elsewhere',
    'Cost:     $0.0123',
    "Results:  curl -s 'http://h:1/v1/batches/batch_1/results'",
  ]);
});
