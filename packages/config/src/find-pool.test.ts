import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findPool } from './find-pool.ts';
import type { PoolRequest } from './find-pool.ts';
import { loadConfig } from './load-config.ts';

const loaded = loadConfig({
  source: {
    text: `
providers: { a: { type: openai, api_key: k } }
deployments: { mini: { provider: a, model: m }, big: { provider: a, model: n } }
pools:
  fast: { tiers: [[mini]], aliases: [gpt-4o-mini] }
  smart: [big]
routes:
  - { when: { model: split }, pool: { fast: 50, smart: 50 } }
  - { name: new, when: { model: gpt-5* }, pool: smart }
  - { when: { tools: true }, pool: smart, max_tier: 1 }`,
  },
  env: {},
});
assert.ok(loaded.kind === 'ok');
const { fleet, config } = loaded;

interface More {
  allowed?: string[];
  body?: object;
  affinityKey?: string;
  id?: string;
}

function found(model: string, more: More = {}): string {
  const request: PoolRequest = {
    endpoint: '/v1/chat/completions',
    model,
    tenant: '',
    priority: 'normal',
    shape: { characters: 1, maxOutput: null, inputs: 1 },
    body: { ...more.body },
    metadata: {},
    affinityKey: more.affinityKey ?? null,
    id: more.id ?? '',
  };
  const search = { fleet, routes: config.routes, allowed: more.allowed ?? null };
  const result = findPool(search, request, 0);
  if (result.kind === 'deployment') return `deployment ${result.deployment.id}`;
  return result.kind === 'pool' ? `${result.pool.id} by ${result.routed.route}` : 'unknown';
}

test('a route decides before the name does', () => {
  assert.equal(found('fast'), 'fast by null');
  assert.equal(found('gpt-4o-mini'), 'fast by null');
  assert.equal(found('fast', { body: { tools: [{}] } }), 'smart by 2');
  assert.equal(found('gpt-5'), 'smart by new');
  assert.equal(found('fasst', { body: { tools: [{}] } }), 'unknown');
});

test('a deployment is not routed', () => {
  assert.equal(found('deployment/mini', { body: { tools: [{}] } }), 'deployment mini');
  assert.equal(found('deployment/none'), 'unknown');
});

test('a caller names only pools that it may; routes lead where the operator wants', () => {
  assert.equal(found('smart', { allowed: ['fast'] }), 'unknown');
  assert.equal(found('deployment/big', { allowed: ['fast'] }), 'unknown');
  assert.equal(found('deployment/mini', { allowed: ['fast'] }), 'deployment mini');
  assert.equal(found('fast', { allowed: ['fast'], body: { tools: [{}] } }), 'smart by 2');
});

test('in a split the affinity key decides, then the user, then the job', () => {
  const ids = Array.from({ length: 20 }, (_, i) => `job-${i}`);
  const arms = (more: More): number =>
    new Set(ids.map((id) => found('split', { ...more, id }))).size;
  assert.equal(arms({}), 2);
  assert.equal(arms({ body: { user: 'u' } }), 1);
  const keyed = ids.map((key) => found('split', { affinityKey: key, body: { user: 'u' } }));
  assert.deepEqual(
    keyed,
    ids.map((id) => found('split', { id })),
  );
});
