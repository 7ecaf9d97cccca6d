/** A ceiling where deployments have no price does nothing for these, and is refused where it can do nothing at all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '@sluice/config';
import type { Fleet } from '@sluice/job';
import { ceilingHint, refuseUnpriced } from './unpriced.ts';

function fleetOf(price = ''): Fleet {
  const text = `
providers: { p: { type: openai, base_url: "http://localhost", api_key: k } }
deployments:
  mini: { provider: p, model: m${price} }
  free: { provider: p, model: m }
pools: { fast: [mini], loose: [free], both: { tiers: [[mini], [free]] } }
`;
  const loaded = loadConfig({ source: { text }, env: {} });
  return loaded.kind === 'invalid' ? assert.fail(JSON.stringify(loaded.mistakes)) : loaded.fleet;
}

const fleet = fleetOf(', price: { input: 1, output: 10 }');
const hint = (pools: string[], over = {}) =>
  ceilingHint(fleet, { maxCostUsd: 1, maxTier: null, pools, ...over });

test('it is told which answers a ceiling does not count', () => {
  assert.match(hint(['loose']) ?? '', /^max_cost_usd has no effect: no deployment .* has a price/);
  assert.match(hint(['both']) ?? '', /^max_cost_usd does not count .* no price: free\.$/);
  assert.match(hint(['fast', 'loose']) ?? '', /no price: free\.$/);
  assert.equal(hint(['fast']), null);
  assert.equal(hint(['both'], { maxTier: 1 }), null);
  assert.equal(hint(['loose'], { maxCostUsd: null }), null);
});

test('it is refused where nothing that its owner may use has a price', () => {
  const order = { maxCostUsd: 1, maxTier: null };
  const refused = { code: 'invalid_value', param: 'max_cost_usd' };
  assert.throws(() => refuseUnpriced(fleet, order, ['loose']), refused);
  assert.throws(() => refuseUnpriced(fleetOf(), order, null), refused);
  refuseUnpriced(fleet, order, null);
  refuseUnpriced(fleet, order, ['loose', 'fast']);
  refuseUnpriced(fleetOf(), { ...order, maxCostUsd: null }, null);
});
