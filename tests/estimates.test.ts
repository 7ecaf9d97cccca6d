/** What Sluice says of a batch before it runs: a guess in an honest range at first, close once a batch like it was answered. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { System, chatBody, chatLines, endOfBatch, postBatch } from '@sluice/testing';
import type { SeenBatch } from '@sluice/testing';

interface Batch extends SeenBatch {
  usage: { output_tokens: number };
  sluice: {
    cost_usd: number;
    cost_estimate_usd: number;
    cost_range_usd: { low: number; high: number };
    ideal_ms: number;
  };
}

const LINES = 400;
/** Answers have about 40 tokens, whatever their maximum is. */
const ANSWER = 40;

let system: System;
before(async () => {
  system = await System.start({
    config: `
providers: { a: { type: openai, base_url: "{{simulator}}/v1", api_key: k, accounting: { output: actual } } }
deployments:
  a: { provider: a, model: sim, limits: { rpm: 6000, otpm: 240000 }, price: { input: 1, output: 8 } }
pools: { f: [a] }
`,
    simulator: {
      accounts: {
        a: {
          key: 'k',
          format: 'openai',
          limits: { rpm: 60_000 },
          latency: { first_token_ms: 20 },
          charge: 'actual',
          output_tokens: { mean: ANSWER, spread: 0.8 },
        },
      },
    },
  });
});
after(() => system.stop());

const lines = chatLines(LINES, (i) => chatBody(`question ${i}`, { model: 'f', max_tokens: 2_000 }));

async function runBatch(): Promise<Batch> {
  const { id } = await postBatch(system.apiUrl, lines, { query: 'completion_window=1h' });
  return endOfBatch(system.apiUrl, id);
}

describe('the cost of a batch, before its first call', () => {
  test('a first one is guessed: what it costs lies within the range', async (t) => {
    const { sluice } = await runBatch();
    t.diagnostic(
      `expected ${sluice.cost_estimate_usd} of ${JSON.stringify(sluice.cost_range_usd)}, in fact ${sluice.cost_usd}`,
    );
    const { low, high } = sluice.cost_range_usd;
    assert.ok(sluice.cost_usd >= low && sluice.cost_usd <= high);
    assert.ok(sluice.cost_estimate_usd < high / 4, 'not reckoned with the maximum of each');
  });

  test('a second one like it is known within a quarter, and so is how long it takes', async (t) => {
    const { sluice } = await runBatch();
    const { cost_estimate_usd: expected, cost_usd: actual } = sluice;
    t.diagnostic(`expected ${expected}, in fact ${actual}, T* ${sluice.ideal_ms} ms`);
    assert.ok(expected > actual * 0.75 && expected < actual * 1.33, `${expected} for ${actual}`);
    const { low, high } = sluice.cost_range_usd;
    assert.ok(actual >= low && actual <= high && high < low * 3);
    // 100 calls a second, and a burst of a second's: neither is 4,000 tokens a second in the way.
    assert.ok(sluice.ideal_ms > 2_500 && sluice.ideal_ms < 5_000, `${sluice.ideal_ms}`);
  });
});
