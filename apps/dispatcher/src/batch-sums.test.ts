import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '@sluice/config';
import type { OutcomeMeta } from '@sluice/ledger';
import { sumsOf } from './batch-sums.ts';

const CONFIG = `
providers: { p: { type: openai, base_url: "http://127.0.0.1:9/v1", api_key: k } }
deployments:
  priced: { provider: p, model: m, price: { input: 1, output: 2 } }
  free: { provider: p, model: m }
pools: { fast: [priced, free] }
`;
const loaded = loadConfig({ source: { text: CONFIG }, env: {} });
assert.ok(loaded.kind === 'ok');
const { fleet } = loaded;

const attempt = (over: Partial<OutcomeMeta>): OutcomeMeta => ({
  place: 0,
  line: 1,
  outcome: 'ok',
  statusCode: 200,
  deployment: 'priced',
  usage: { input_tokens: 10, cached_tokens: 4, output_tokens: 5, reasoning_tokens: 1 },
  costUsd: 0.25,
  retryAfterMs: null,
  message: null,
  attempts: [],
  tries: 0,
  endedAt: 0,
  ...over,
});
const unanswered = { outcome: 'timeout', statusCode: null, usage: null, costUsd: null } as const;

test('every attempt counts, also one that is tried again', () => {
  const overloaded = attempt({ outcome: 'overloaded', statusCode: 529, costUsd: 0, usage: null });
  assert.deepEqual(sumsOf(fleet, [attempt({}), overloaded, attempt({})]), {
    attempts: 3,
    failedAttempts: 1,
    usage: { input: 20, cached: 8, output: 10, reasoning: 2 },
    costUsd: 0.5,
    unpriced: 0,
    unanswered: 0,
    byDeployment: { priced: 2 },
  });
});

test('an attempt without an answer is counted apart: the price is known, what was charged is not', () => {
  const {
    costUsd,
    unpriced,
    unanswered: count,
  } = sumsOf(fleet, [attempt({}), attempt(unanswered)]);
  assert.deepEqual([costUsd, unpriced, count], [0.25, 0, 1]);
});

test('calls of a deployment without a price are unpriced, answered or not', () => {
  const free = { deployment: 'free', costUsd: null };
  const sums = sumsOf(fleet, [attempt(free), attempt({ ...unanswered, ...free })]);
  assert.deepEqual([sums.costUsd, sums.unpriced, sums.unanswered], [0, 2, 0]);
});
