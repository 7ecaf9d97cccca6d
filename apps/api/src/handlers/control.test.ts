import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

let api: TestApi;
before(async () => {
  api = await startTestApi();
});
after(() => api.stop());

const patch = (id: string, body: unknown) => api.call(`PATCH /admin/deployments/${id}`, body);

test('a patch is answered with what is in force, shown as overridden; null clears; again changes nothing', async () => {
  const body = { weight: 0.5, limits: { rpm: 30, concurrency: 2 }, state: 'draining' };
  for (let times = 0; times < 2; times++) {
    const { status, json } = await patch('mini', body);
    assert.equal(status, 200);
    assert.deepEqual([json.weight, json.state], [0.5, 'draining']);
    assert.deepEqual(json.limits, { rpm: 30, concurrency: 2 });
    assert.deepEqual(json.overridden, body);
    assert.deepEqual(json.configured, { weight: 1, limits: { rpm: 600 } });
  }
  const listed = (await api.call('GET /admin/deployments')).json.data;
  assert.deepEqual(
    listed.map((one: { overridden: unknown }) => one.overridden),
    [body, null],
  );
  const cleared = await patch('mini', { weight: null, limits: null, state: null });
  assert.equal(cleared.json.overridden, null);
  assert.deepEqual(cleared.json.limits, { rpm: 600 });
});

const MISTAKES: [unknown, string, RegExp][] = [
  [{ weight: -1 }, 'weight', /found -1; allowed/],
  [{ limits: { rpm: 0 } }, 'limits.rpm', /found 0; allowed/],
  [{ limits: { rpm: 'many' } }, 'limits.rpm', /found "many"/],
  [{ limits: { concurrency: 1.5 } }, 'limits.concurrency', /found 1.5/],
  [{ limits: { rps: 3 } }, 'limits.rps', /Unknown parameter/],
  [{ limits: { usd_per_day: 3 } }, 'limits.usd_per_day', /found 3; allowed: .*price/],
  [{ state: 'stopped' }, 'state', /found "stopped"; allowed: .*draining.*paused/],
  [{ colour: 1 }, 'colour', /Known here: weight, limits, state/],
];

test('a mistake names field, value and what is allowed, and nothing changes', async () => {
  for (const [body, param, says] of MISTAKES) {
    const { status, json } = await patch('mini', { weight: 9, ...(body as object) });
    assert.deepEqual([status, json.error.param], [400, param]);
    assert.match(json.error.message, says);
  }
  assert.equal((await patch('none', {})).status, 404);
  assert.equal((await patch('mini', [])).status, 400);
  assert.equal((await patch('mini', {})).json.overridden, null);
});

test('a reload without changes says so', async () => {
  const { status, json } = await api.call('POST /admin/reload');
  assert.equal(status, 200);
  assert.deepEqual(json.deployments, { added: [], removed: [], changed: [] });
  assert.deepEqual([json.needs_restart, json.limits], [[], []]);
});
