import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEMO_CONFIG, loadConfig } from '@sluice/config';
import { screen } from './screen.ts';
import type { ScreenFacts } from './screen.ts';

function show(text: string, facts: Partial<ScreenFacts> = {}): string {
  const loaded = loadConfig({ source: { text }, env: {} });
  assert.ok(loaded.kind === 'ok');
  const { fleet, warnings } = loaded;
  const rest = { source: 'demo', host: '127.0.0.1', port: 8080, tenants: false };
  return screen({ fleet, warnings, ...rest, ...facts });
}

test('the demo shows its three providers and what to do next', () => {
  assert.equal(
    show(DEMO_CONFIG),
    `Sluice · demo: 3 simulated providers, nothing leaves this machine
API     http://127.0.0.1:8080/v1   (any key)
Queues  http://127.0.0.1:8080/admin/queues      Docs  http://127.0.0.1:8080/docs
fast    sim-a 900 rpm · sim-b 600 rpm → tier 2: sim-c 300 rpm
smart   sim-c
One job:        curl -s localhost:8080/v1/jobs -H 'content-type: application/json' -d '{"model":"fast","body":{"messages":[{"role":"user","content":"17 × 3?"}]}}'
1,000 prompts:  npm run demo
Your own keys:  cp sluice.example.yaml sluice.yaml
Ctrl-C drains and stops everything.`,
  );
});

test('an own config shows its pools, limits and shared budgets, and its warnings', () => {
  const text = `
providers: { a: { type: openai }, b: { type: openai } }
deployments:
  mini: { provider: [a, b], model: m, limits: { rpm: 500, tpm: 200000, concurrency: 32 } }
  haiku: { provider: a, model: m, budget: org }
  local: { provider: b, model: m }
budgets: { org: { rpm: 1000, usd_per_month: 200 } }
pools: { fast: { tiers: [[mini], [haiku]] }, everything: [mini, local] }
`;
  const shown = show(text, { source: 'sluice.yaml', host: '0.0.0.0', port: 81, tenants: true });
  assert.deepEqual(shown.split('\n').slice(0, 5), [
    'Sluice · sluice.yaml: 4 deployments at 2 providers',
    'API         http://127.0.0.1:81/v1   (a key of a tenant)',
    'Queues      http://127.0.0.1:81/admin/queues      Docs  http://127.0.0.1:81/docs',
    'fast        mini@a (500 rpm, 200k tpm, 32 at once) · mini@b (500 rpm, 200k tpm, 32 at once) → tier 2: haiku (org 1000 rpm, $200 a month)',
    'everything  mini@a · mini@b · local',
  ]);
  assert.match(shown, /\nWarning: deployments\.haiku: without a price/);
  assert.match(shown, /curl -s localhost:81\/v1\/jobs -H "authorization: Bearer \$KEY" -H/);
  assert.doesNotMatch(shown, /npm run demo/);
});
