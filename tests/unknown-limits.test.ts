/** Nobody configured a limit: it is learnt from the provider's headers, or from its 429s, while a batch runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { System, chatBody, chatLines, endOfBatch, postBatch } from '@sluice/testing';

const RPM = 600;

interface Call {
  end: string;
}

const body = (i: number) => chatBody(`question ${i}`, { model: 'f', max_tokens: 10 });

interface Provider {
  headers: boolean;
  limits: Record<string, number>;
}

/** A batch of so many lines to that provider; `configured`: limits as the config says, in YAML. */
async function runBatch({ headers, limits }: Provider, lines: number, configured = '{}') {
  const system = await System.start({
    config: `
providers: { a: { type: openai, base_url: "{{simulator}}/v1", api_key: k } }
deployments: { a: { provider: a, model: sim, timeout_ms: 3000, limits: ${configured} } }
pools: { f: [a] }
`,
    simulator: {
      ledger: true,
      accounts: {
        a: {
          key: 'k',
          format: 'openai',
          limits,
          headers,
          latency: { first_token_ms: 80 },
        },
      },
    },
    roles: { worker: 2 },
  });
  try {
    const began = performance.now();
    const { id } = await postBatch(system.apiUrl, chatLines(lines, body), {
      query: 'completion_window=1h',
    });
    const ended = await endOfBatch(system.apiUrl, id, { timeoutMs: 120_000 });
    assert.deepEqual(ended.request_counts, { total: lines, completed: lines, failed: 0 });
    const ms = performance.now() - began;
    const calls = await system.simulatedCalls<Call>();
    const refused = calls.filter(({ end }) => end === 'limited').length;
    const budgets = await (await fetch(`${system.apiUrl}/admin/budgets`)).json();
    const [budget] = (budgets as { data: { used: Record<string, unknown>[] }[] }).data;
    const used = (lines * 60_000) / (RPM * ms);
    return { refused, calls: calls.length, used, dimension: budget?.used[0] ?? {} };
  } finally {
    await system.stop();
  }
}

test('with headers: hardly a 429, and the limit is shown with its source', async () => {
  const { refused, used, dimension } = await runBatch({ headers: true, limits: { rpm: RPM } }, 300);
  assert.ok(refused <= 5, `${refused} 429s`);
  assert.ok(used > 0.85, `used ${used} of the limit`);
  assert.equal(dimension['dimension'], 'rpm');
  assert.equal(dimension['reported'], RPM);
  assert.equal(dimension['configured'], null);
  assert.match(String(dimension['why']), /reports/);
});

test('without headers: a few 429s teach the limit', async () => {
  const { refused, calls, used, dimension } = await runBatch(
    { headers: false, limits: { rpm: RPM } },
    600,
  );
  // Most come before it is learnt: 6 to 25 were seen in 400 calls.
  assert.ok(refused <= 0.05 * calls, `${refused} 429s of ${calls} calls`);
  assert.ok(used > 0.75, `used ${used} of the limit`);
  assert.ok(Math.abs((dimension['learnt'] as number) - RPM) < 0.3 * RPM, JSON.stringify(dimension));
  assert.match(String(dimension['why']), /429s/);
});

test('ten calls at once where a hundred are configured: the first refusals teach it', async () => {
  const provider = { headers: false, limits: { concurrency: 10 } };
  const { refused, calls } = await runBatch(provider, 1_500, '{ concurrency: 100 }');
  // 1.4 and 6.4 % were seen; 44 % before each refusal counted against the calls that passed.
  assert.ok(refused <= 0.2 * calls, `${refused} 429s of ${calls} calls`);
});
