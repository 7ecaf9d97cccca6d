/** What Sluice says of a batch before it runs: a guess in an honest range at first, close once a batch like it was answered. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { System, until } from '@sluice/testing';

interface Batch {
  id: string;
  status: string;
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

const lines = Array.from({ length: LINES }, (_, i) =>
  JSON.stringify({
    custom_id: `${i}`,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: 'f', max_tokens: 2_000, messages: [{ role: 'user', content: `question ${i}` }] },
  }),
).join('\n');

async function runBatch(): Promise<Batch> {
  const posted = await fetch(`${system.apiUrl}/v1/batches?completion_window=1h`, {
    method: 'POST',
    headers: { 'content-type': 'application/jsonl' },
    body: lines,
  });
  const { id } = (await posted.json()) as { id: string };
  return until(
    'the end',
    async () => {
      const batch = (await (await fetch(`${system.apiUrl}/v1/batches/${id}`)).json()) as Batch;
      return batch.status === 'completed' ? batch : null;
    },
    { timeoutMs: 60_000 },
  );
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
