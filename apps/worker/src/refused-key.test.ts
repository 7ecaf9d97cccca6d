import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '@sluice/config';
import { refusedKey } from './refused-key.ts';

const loaded = loadConfig({
  source: {
    text: `
providers: { openai-a: { type: openai, base_url: "http://127.0.0.1:9/v1", api_key: sk-secret-0123456789 } }
deployments: { mini: { provider: openai-a, model: m } }
pools: { fast: [mini] }
`,
  },
  env: {},
});
assert.ok(loaded.kind === 'ok');
const mini = loaded.fleet.deployments.get('mini') ?? assert.fail();
const bodyOf = (type: unknown) =>
  JSON.stringify({ error: { type, message: 'Incorrect API key provided: sk-secret-0123456789' } });

test('provider, setting and the vendor’s kind of error are said, and nothing of the key', () => {
  const said = refusedKey(mini, bodyOf('authentication_error'));
  assert.deepEqual(said, {
    provider: 'openai-a',
    setting: 'providers.openai-a.api_key',
    vendor_error: 'authentication_error',
  });
  for (const type of ['sk-secret-0123456789', 'a b', 7, null, 'x'.repeat(49)]) {
    assert.equal(refusedKey(mini, bodyOf(type)).vendor_error, null);
  }
  assert.equal(refusedKey(mini, 'no json').vendor_error, null);
  assert.equal(refusedKey(mini, null).vendor_error, null);
});
