import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unseenLoad } from '@sluice/admission';
import type { DeploymentLoad, DimensionLoad } from '@sluice/admission';
import { loadConfig } from '@sluice/config';
import { spokenFor, usedUp } from './used-up.ts';

const loaded = loadConfig({
  source: {
    text: `
providers: { p: { type: openai, api_key: k, base_url: "http://127.0.0.1:9/v1" } }
deployments: { mini: { provider: p, model: m } }
pools: { fast: [mini] }
`,
  },
  env: {},
});

/** 400 characters are 100 tokens. */
const shape = { characters: 400, maxOutput: 100, inputs: 1 };

const words = (change: Partial<DeploymentLoad> | undefined): string | null => {
  if (loaded.kind === 'invalid') assert.fail();
  const load = change && { ...unseenLoad('mini'), ...change };
  return usedUp(loaded.fleet, load, { id: 'mini', shape });
};

/** `limit` a minute, of which a second may start at once. */
const dim = (
  dimension: 'rpm' | 'tpm',
  limit: number,
  aheadMs: number,
  burstMs = 1_000,
): DimensionLoad => ({
  budget: 'org',
  dimension,
  limit,
  configured: limit,
  reported: null,
  learnt: null,
  why: '',
  ratePerMs: limit / 60_000,
  burstMs,
  aheadMs,
  usedFraction: 0,
  burstUsedFraction: 0,
});

test('a limit without room for the call is named, the one that it waits for longest', () => {
  assert.equal(words(undefined), null, 'nobody knows');
  assert.equal(words({}), null, 'no limit is known');
  assert.equal(words({ dims: [dim('rpm', 600, 900)] }), null, 'just room for one of 100 ms');
  const rpm = 'limit rpm of budget org is used up: 600 requests per minute';
  assert.equal(words({ dims: [dim('rpm', 600, 950)] }), rpm);
  const both = [dim('rpm', 600, 950), dim('tpm', 6_000, 5_000)];
  assert.match(words({ dims: both }) ?? '', /^limit tpm of budget org is used up: 6000 tokens/);
});

test('what is larger than may start at once waits only until the bucket is full', () => {
  assert.equal(words({ dims: [dim('tpm', 60, 0)] }), null);
  assert.match(words({ dims: [dim('tpm', 60, 10)] }) ?? '', /^limit tpm/);
});

test('calls at once, as configured or as learnt', () => {
  const concurrency = { budget: 'mini', limit: 2, used: 1 };
  assert.equal(words({ concurrency }), null);
  const full = 'limit concurrency of budget mini is used up: all 2 calls at once that it allows';
  assert.equal(words({ concurrency: { ...concurrency, used: 2 } }), full);
  const slots = [{ budget: 'mini', size: 1.5, used: 1, taught: true }];
  assert.match(words({ slots }) ?? '', /used up: the one call at once that it allows$/);
});

test('a limit booked ahead beyond the usual is named, and until when', () => {
  if (loaded.kind === 'invalid') assert.fail();
  const { fleet } = loaded;
  const said = (dims: DimensionLoad[], shapes = [shape]): string | null => {
    const load = { ...unseenLoad('mini'), dims };
    return spokenFor(fleet, load, { id: 'mini', shapes, now: Date.UTC(2026, 0, 1, 12, 30) });
  };
  assert.equal(spokenFor(fleet, undefined, { id: 'mini', shapes: [shape], now: 0 }), null);
  assert.equal(said([dim('rpm', 300, 1_500), dim('tpm', 100_000, 2_000)]), null, 'at full speed');
  const until =
    'limit tpm of budget org is used up until 2026-01-01T12:31:00Z, by calls before that count for much of it: 100000 tokens per minute';
  assert.equal(
    said([dim('rpm', 300, 6_000), dim('tpm', 100_000, 59_932)]),
    until.replace('31:00', '30:59'),
  );
  assert.equal(said([dim('tpm', 100_000, 90_000)]), until, 'no booking waits longer than a minute');
  assert.equal(said([dim('rpm', 6, 10_000)]), null, 'one call takes as long');
  assert.match(said([dim('rpm', 6, 14_000)]) ?? '', /^limit rpm of budget org is used up until/);
  assert.equal(said([dim('tpm', 100_000, 5_000)]), null, 'over before the next plan');
  assert.match(said([dim('tpm', 100_000, 5_100)]) ?? '', /^limit tpm of budget org is used up/);
});
