import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from './load-config.ts';

const fileWith = (simulate: string): string => `
providers: { p: { type: openai, base_url: "http://p/v1" }, q: { type: openai, base_url: "http://q/v1" } }
deployments: { d: { provider: [p, q], model: m, ${simulate} } }
pools: { fast: [d] }
`;
const load = (simulate: string) => loadConfig({ source: { text: fileWith(simulate) }, env: {} });

test('every deployment has a behaviour, usual where the file says nothing', () => {
  const usual = load('weight: 1');
  const set = load('simulate: { window: fixed_minute, outages: [{ to: 1m, kind: slow }] }');
  assert.ok(usual.kind === 'ok' && set.kind === 'ok');
  assert.deepEqual([...usual.simulated.keys()], ['d@p', 'd@q']);
  assert.equal(usual.simulated.get('d@p')?.window, 'bucket_1s');
  assert.deepEqual(set.simulated.get('d@q'), {
    ...usual.simulated.get('d@q'),
    window: 'fixed_minute',
    outages: [{ to: 60_000, kind: 'slow', factor: 3 }],
  });
});

const MISTAKES: [section: string, path: string, allowed: RegExp][] = [
  ['{ window: minute }', 'window', /bucket_1s, bucket_10s, bucket_60s/],
  ['{ initial_fill: 2 }', 'initial_fill', /from 0 to 1/],
  ['{ latency: { base_ms: -1 } }', 'latency.base_ms', /from 0 to 1000000/],
  ['{ limits: { rpm: 0 } }', 'limits.rpm', /from 0.001 to 1e15/],
  ['{ outages: [{ from: 30s, to: 10s }] }', 'outages[0]', /to \(later than from\)/],
  ['{ outages: [{ kind: explosion }] }', 'outages[0].kind', /overloaded.*hang, slow/],
  ['{ failures: { overloaded: 1.5 } }', 'failures.overloaded', /from 0 to 1/],
  ['{ error_rate: 0.6, failures: { timeout: 0.6 } }', 'failures', /quota_exhausted, overloaded/],
];

for (const [section, path, allowed] of MISTAKES) {
  test(`simulate: ${section} is a mistake that names its place`, () => {
    const loaded = load(`simulate: ${section}`);
    assert.ok(loaded.kind === 'invalid');
    assert.equal(loaded.mistakes[0]?.path, `deployments.d.simulate.${path}`);
    assert.match(loaded.mistakes[0]?.allowed ?? '', allowed);
  });
}
