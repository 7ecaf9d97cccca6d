// The demo's config and the simulated providers must agree: Sluice can keep only limits that it knows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEMO_CONFIG, loadConfig } from '@sluice/config';
import { demoOptions } from '../apps/simulator/src/demo-options.ts';

test('the simulator plays the providers of the demo: same keys, same limits', () => {
  const loaded = loadConfig({ source: { text: DEMO_CONFIG }, env: {} });
  assert.ok(loaded.kind === 'ok');
  const { deployments, budgets } = loaded.fleet;
  const configured = [...deployments.values()].map(({ id, provider }) => [
    provider.id,
    { key: provider.apiKey, limits: budgets.get(id)?.limits },
  ]);
  const played = Object.entries(demoOptions.accounts).map(([id, { key, limits }]) => [
    id,
    { key, limits },
  ]);
  assert.deepEqual(configured, played);
});
