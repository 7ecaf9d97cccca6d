import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '@sluice/config';
import { USUAL_BEHAVIOUR } from '@sluice/simulation';
import { behaviourOf } from './build-scenario.ts';

function sectionOf(simulate: string) {
  const text = `
providers: { p: { type: openai, base_url: "http://p/v1" } }
deployments: { d: { provider: p, model: m${simulate} } }
pools: { fast: [d] }
`;
  const loaded = loadConfig({ source: { text }, env: {} });
  assert.ok(loaded.kind === 'ok');
  const section = loaded.simulated.get('d');
  assert.ok(section);
  return section;
}

test('a deployment of which the config says nothing behaves as usual', () => {
  assert.deepEqual(behaviourOf(sectionOf('')), USUAL_BEHAVIOUR);
});

test('what the config says counts', () => {
  const section = sectionOf(
    `, simulate: { limits: { rpm: 50 }, error_rate: 0.1, failures: { provider_error: 0.1 }, outages: [{ from: 10s }] }`,
  );
  const { limits, failures, outages } = behaviourOf(section);
  assert.deepEqual(limits, { rpm: 50 });
  assert.deepEqual(failures, { provider_error: 0.2 });
  assert.deepEqual(outages, [{ fromMs: 10_000, toMs: Infinity, kind: 'network', factor: 3 }]);
});
