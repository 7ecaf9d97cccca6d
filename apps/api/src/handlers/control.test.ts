import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FLEET, startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

/** `twin` is served by two providers; nothing has a price. */
const WITH_TWIN = FLEET.replace(
  'haiku:',
  'twin: { provider: [a, b], model: t, budget: org }\n  haiku:',
)
  .replace('  c:', '  b: { type: openai, api_key: b, base_url: "http://127.0.0.1:9/v1" }\n  c:')
  .replace(', price: { input: 0.1, output: 0.4 }', '')
  .concat('budgets: { org: { rpm: 100, tpm: 5000 } }\n');

let api: TestApi;
before(async () => {
  api = await startTestApi({ fleet: WITH_TWIN });
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
    [body, null, null, null],
  );
  const cleared = await patch('mini', { weight: null, limits: null, state: null });
  assert.equal(cleared.json.overridden, null);
  assert.deepEqual(cleared.json.limits, { rpm: 600 });
});

const MISTAKES: [unknown, string, RegExp][] = [
  [{ weight: -1 }, 'weight', /found -1; allowed/],
  [{ limits: { rpm: 0 } }, 'limits.rpm', /found 0; allowed/],
  [{ limits: { rpm: 1e-300 } }, 'limits.rpm', /found 1e-300; allowed: at least 0\.001/],
  [{ limits: { rpm: 'many' } }, 'limits.rpm', /found "many"/],
  [{ limits: { concurrency: 1.5 } }, 'limits.concurrency', /found 1.5/],
  [{ limits: { rps: 3 } }, 'limits.rps', /Unknown parameter/],
  [{ limits: { usd_per_day: 3 } }, 'limits.usd_per_day', /found 3; allowed: .*price/],
  [{ state: 'stopped' }, 'state', /found "stopped"; allowed: .*draining.*paused/],
  [{ colour: 1 }, 'colour', /Known here: weight, limits, state/],
  [{ limits: { rmp: 3 } }, 'limits.rmp', /Known here: rpm, /],
];

test('a mistake names field, value and what is allowed, and nothing changes', async () => {
  for (const [body, param, says] of MISTAKES) {
    const { status, json } = await patch('mini', { weight: 9, ...(body as object) });
    assert.deepEqual([status, json.error.param], [400, param]);
    assert.match(json.error.message, says);
  }
  const none = await patch('none', {});
  assert.equal(none.status, 404);
  assert.match(
    none.json.error.message,
    /^No such deployment object: none\. There are: [^.]*mini[^.]*\.$/,
  );
  assert.equal((await patch('mini', [])).status, 400);
  assert.equal((await patch('mini', {})).json.overridden, null);
});

interface Shown {
  id: string;
  weight: number;
  overridden: unknown;
}

test('the name that stands in the config means all of its providers; one of them has its own id', async () => {
  const { status, json } = await patch('twin', { weight: 3 });
  assert.equal(status, 200);
  assert.equal(json.object, 'list');
  const shown = (json.data as Shown[]).map(({ id, weight }) => [id, weight]);
  assert.deepEqual(shown, [
    ['twin@a', 3],
    ['twin@b', 3],
  ]);
  const one = await patch('twin@a', { weight: null });
  assert.deepEqual([one.json.id, one.json.overridden], ['twin@a', null]);
  const rest = await patch('twin', {});
  assert.deepEqual(
    (rest.json.data as Shown[]).map(({ overridden }) => overridden),
    [null, { weight: 3 }],
  );
  await patch('twin', { weight: null });
});

const patchBudget = (id: string, body: unknown) => api.call(`PATCH /admin/budgets/${id}`, body);

test('limits of a shared budget are set over the config, shown as overridden, and cleared by null', async () => {
  const set = await patchBudget('org', { limits: { rpm: 30 } });
  assert.equal(set.status, 200);
  assert.deepEqual(set.json, {
    id: 'org',
    object: 'budget',
    limits: { rpm: 30, tpm: 5000 },
    overridden: { limits: { rpm: 30 } },
    configured: { limits: { rpm: 100, tpm: 5000 } },
    deployments: ['twin@a', 'twin@b'],
  });
  const cleared = await patchBudget('org', { limits: null });
  assert.deepEqual([cleared.json.overridden, cleared.json.limits.rpm], [null, 100]);
});

const listedBudget = async (id: string) =>
  (await api.call('GET /admin/budgets')).json.data.find((one: Shown) => one.id === id);

test('the list of budgets shows which limits are set over the config, shared ones and a deployment’s own', async () => {
  await patchBudget('org', { limits: { rpm: 30 } });
  await patch('mini', { weight: 2, limits: { concurrency: 2 } });
  const { limits, overridden, configured } = await listedBudget('org');
  assert.deepEqual(limits, { rpm: 30, tpm: 5000 });
  assert.deepEqual(overridden, { limits: { rpm: 30 } });
  assert.deepEqual(configured, { limits: { rpm: 100, tpm: 5000 } });
  const own = await listedBudget('mini');
  assert.deepEqual(own.overridden, { limits: { concurrency: 2 } });
  assert.deepEqual(own.configured, { limits: { rpm: 600 } });
  await patchBudget('org', { limits: null });
  await patch('mini', { limits: null });
  assert.equal((await listedBudget('org')).overridden, null);
  assert.equal((await listedBudget('mini')).overridden, null, 'its weight is no limit');
  await patch('mini', { weight: null });
});

test('a mistake about a budget names field, value and what is allowed', async () => {
  const wrong: [unknown, string, RegExp][] = [
    [{ limits: { rpm: 0 } }, 'limits.rpm', /found 0; allowed/],
    [{ weight: 2 }, 'weight', /Known here: limits/],
    [{ limits: { usd_per_day: 3 } }, 'limits.usd_per_day', /found 3; allowed: .*price/],
  ];
  for (const [body, param, says] of wrong) {
    const { status, json } = await patchBudget('org', body);
    assert.deepEqual([status, json.error.param], [400, param]);
    assert.match(json.error.message, says);
  }
  const none = await patchBudget('none', {});
  assert.equal(none.status, 404);
  assert.match(none.json.error.message, /^No such budget object: none\. There are: \S.*\.$/);
  for (const id of ['mini', 'twin', 'twin@a']) {
    const own = await patchBudget(id, { limits: { rpm: 1 } });
    assert.equal(own.status, 404, 'a deployment’s own limits are set at the deployment');
    const { message } = own.json.error;
    assert.ok(message.includes(`PATCH /admin/deployments/${id}. Shared budgets: org.`), message);
  }
});

type Used = { dimension: string; limit: number }[];

const limitsIn = (used: Used) => used.map(({ dimension, limit }) => `${dimension} ${limit}`);
const firstListed = async (): Promise<{ used: Used }> =>
  (await api.call('GET /admin/deployments')).json.data[0];

test('a new limit is in the answer of who sets it, and in the lists right after', async () => {
  // What is told for a second is fresh when the limit changes.
  for (const rpm of [77, 78]) {
    await firstListed();
    const { json } = await patch('mini', { limits: { rpm, concurrency: rpm } });
    assert.deepEqual(limitsIn(json.used), [`rpm ${rpm}`, `concurrency ${rpm}`]);
    assert.deepEqual(limitsIn((await firstListed()).used), [`rpm ${rpm}`, `concurrency ${rpm}`]);
    assert.deepEqual(limitsIn((await listedBudget('mini')).used), [
      `rpm ${rpm}`,
      `concurrency ${rpm}`,
    ]);
  }
  await patch('mini', { limits: null });
});

test('a reload without changes says so', async () => {
  const { status, json } = await api.call('POST /admin/reload');
  assert.equal(status, 200);
  assert.deepEqual(json.deployments, { added: [], removed: [], changed: [] });
  assert.deepEqual([json.needs_restart, json.limits], [[], []]);
});

test('a reload that removes a tenant says what becomes of its work', async () => {
  const admin = 'admin: { api_keys: [sk-a-key-of-the-admin-0123456789] }\n';
  const one = 'one: { api_keys: [sk-a-key-of-one-0123456789] }';
  const two = 'two: { api_keys: [sk-a-key-of-two-0123456789] }';
  const config = `${admin}tenants: { ${one}, ${two} }\n`;
  const reloaded = `${FLEET}${admin}tenants: { ${one} }\n`;
  const limited = await startTestApi({ config, reloaded });
  try {
    const headers = { authorization: 'Bearer sk-a-key-of-the-admin-0123456789' };
    const { json } = await limited.call('POST /admin/reload', undefined, headers);
    assert.deepEqual(json.warnings, [
      'tenants.two is gone: what was accepted from it goes on, without its limits',
    ]);
  } finally {
    await limited.stop();
  }
});

test('a reload that turns tenants on says that keys are needed from then on', async () => {
  const reloaded = `${FLEET}tenants: { team: { api_keys: [sk-a-key-of-the-team-0123456789] } }\n`;
  const open = await startTestApi({ reloaded });
  try {
    const { json } = await open.call('POST /admin/reload');
    assert.match(json.warnings.join(), /tenants are in force.*401/);
    assert.equal((await open.call('GET /v1/models')).status, 401);
  } finally {
    await open.stop();
  }
});

const keyed = (name: string) => `{ api_keys: [sk-a-key-of-${name}-0123456789] }`;

test('a reload that removes the tenants says what is open from then on', async () => {
  const admin = `admin: ${keyed('the-admin')}\n`;
  const config = `${admin}tenants: { one: ${keyed('one')} }\n`;
  const headers = { authorization: 'Bearer sk-a-key-of-the-admin-0123456789' };
  const OPEN: [string, boolean, RegExp][] = [
    [
      FLEET,
      true,
      /no tenants any more: \/v1 .*anyone on this machine.* without a key, and so do \/admin/,
    ],
    [
      `${FLEET}${admin}`,
      false,
      /no tenants any more: \/v1 .*anyone on this machine.* without a key$/,
    ],
  ];
  for (const [reloaded, isAdminOpen, says] of OPEN) {
    const guarded = await startTestApi({ config, reloaded });
    try {
      const { json } = await guarded.call('POST /admin/reload', undefined, headers);
      assert.match(json.warnings[0], says);
      assert.match(json.warnings[1], /^tenants\.one is gone/);
      assert.equal((await guarded.call('GET /v1/models')).status, 200);
      assert.equal((await guarded.call('GET /admin/pools')).status, isAdminOpen ? 200 : 401);
    } finally {
      await guarded.stop();
    }
  }
});

test('without shared budgets a wrong one is told so, and where the limits of deployments are set', async () => {
  const plain = await startTestApi();
  try {
    const { status, json } = await plain.call('PATCH /admin/budgets/org', {});
    assert.equal(status, 404);
    assert.match(
      json.error.message,
      /^No such budget object: org\. The config has no shared budgets .*PATCH \/admin\/deployments\/\{id\}\.$/,
    );
  } finally {
    await plain.stop();
  }
});
