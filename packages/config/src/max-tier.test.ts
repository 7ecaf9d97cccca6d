import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from './load-config.ts';
import { tiersExceeded } from './max-tier.ts';

const loaded = loadConfig({
  source: {
    text: `
providers: { p: { type: openai, api_key: k } }
deployments: { a: { provider: p, model: m }, b: { provider: p, model: m }, c: { provider: p, model: m } }
pools: { one: [a], two: { tiers: [[a], [b]] }, three: { tiers: [[a], [b], [c]] } }
`,
  },
  env: {},
});
assert.ok(loaded.kind === 'ok');
const { fleet } = loaded;

test('a tier that none of the pools has is told with how many the longest has', () => {
  assert.equal(tiersExceeded(fleet, null, ['one']), null);
  assert.equal(tiersExceeded(fleet, 2, ['two']), null);
  assert.equal(tiersExceeded(fleet, 3, ['one', 'three', 'two']), null);
  assert.equal(tiersExceeded(fleet, 3, ['one', 'two']), '1 to 2; two has 2 tiers');
  assert.equal(tiersExceeded(fleet, 2, ['one']), '1; one has one tier');
  assert.equal(tiersExceeded(fleet, 2, ['deployment/a']), '1; deployment/a has one tier');
  assert.equal(tiersExceeded(fleet, 9, []), null, 'no line of it went anywhere');
});
