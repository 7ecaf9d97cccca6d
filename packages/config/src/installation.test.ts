import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { DEMO_CONFIG } from './demo-config.ts';
import { loadForRole, loadInstallation } from './installation.ts';
import { lookupModel } from './lookup-model.ts';

function folder(t: TestContext, files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-config-'));
  t.after(() => rmSync(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return path;
}

test('without a config file it is the demo, at the simulator that the launcher names', (t) => {
  const result = loadInstallation({ SLUICE_SIMULATOR_URL: 'http://127.0.0.1:9' }, folder(t, {}));
  assert.ok(result.kind === 'ok');
  assert.equal(result.source, 'demo');
  assert.deepEqual(result.warnings, []);
  assert.deepEqual(
    [...result.fleet.deployments.values()].map(({ provider }) => provider.baseUrl),
    ['http://127.0.0.1:9/v1', 'http://127.0.0.1:9/v1', 'http://127.0.0.1:9'],
  );
  assert.deepEqual(result.fleet.pools.get('fast')?.tiers, [['sim-a', 'sim-b'], ['sim-c']]);
  assert.equal(result.config.webhooks.allowHttp, true);
});

test('sluice.yaml is taken when it is there, .env beneath the environment', (t) => {
  const yaml = DEMO_CONFIG.replace('api_key: sim-a', 'api_key: "${KEY_A}${KEY_B}"');
  const path = folder(t, { 'sluice.yaml': yaml, '.env': 'KEY_A=file\nKEY_B="from file"\n' });
  const result = loadInstallation({ KEY_A: 'set-' }, path);
  assert.ok(result.kind === 'ok');
  assert.equal(result.source, join(path, 'sluice.yaml'));
  assert.equal(result.fleet.deployments.get('sim-a')?.provider.apiKey, 'set-from file');
  const demo = loadInstallation({ SLUICE_CONFIG: 'demo' }, path);
  assert.ok(demo.kind === 'ok' && demo.source === 'demo');
});

test('a wrong file is reported whole, ready to print', (t) => {
  const path = folder(t, { 'sluice.yaml': 'providers: 3\npools: { fast: [x] }\n' });
  const result = loadInstallation({}, path);
  assert.ok(result.kind === 'invalid');
  assert.match(result.report, /sluice\.yaml has 3 mistakes:\n/);
  assert.match(
    result.report,
    /line 1: providers: found 3; allowed: a section with at least one provider/,
  );
});

test('a model is a pool, an alias, or one deployment', () => {
  const result = loadInstallation({ SLUICE_CONFIG: 'demo' }, tmpdir());
  assert.ok(result.kind === 'ok');
  const { fleet } = result;
  fleet.pools.get('fast')?.aliases.push('gpt-4o-mini');
  const kinds = ['fast', 'gpt-4o-mini', 'deployment/sim-c', 'sim-c', 'deployment/nope'].map(
    (name) => lookupModel(fleet, name),
  );
  assert.deepEqual(
    kinds.map(({ kind }) => kind),
    ['pool', 'alias', 'deployment', 'unknown', 'unknown'],
  );
  assert.deepEqual(kinds[3], { kind: 'unknown', known: ['fast', 'gpt-4o-mini', 'smart'] });
});

test('a role is given its Redis', (t) => {
  const path = folder(t, {});
  const without = loadForRole({}, path);
  assert.ok(without.kind === 'invalid');
  assert.match(without.report, /REDIS_URL is not set/);
  const given = loadForRole({ REDIS_URL: 'redis://127.0.0.1:1' }, path);
  assert.ok(given.kind === 'ok');
  assert.equal(given.redisUrl, 'redis://127.0.0.1:1');
  assert.equal(loadForRole({ SLUICE_CONFIG: 'no-such.yaml' }, path).kind, 'invalid');
});

test('the demo keeps its data apart from a config of one’s own, unless told where', (t) => {
  const path = folder(t, { 'sluice.yaml': DEMO_CONFIG });
  const dataDir = (env: Record<string, string>): string | null => {
    const result = loadInstallation(env, path);
    return result.kind === 'ok' ? result.environment.dataDir : null;
  };
  assert.equal(dataDir({}), '.sluice');
  assert.equal(dataDir({ SLUICE_CONFIG: 'demo' }), join('.sluice', 'demo'));
  assert.equal(dataDir({ SLUICE_CONFIG: 'demo', SLUICE_DATA_DIR: 'd' }), 'd');
});
