/** Jobs go where the config's routes send them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readJob } from '@sluice/ledger';
import { chat, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

const ROUTES = `
routes:
  - { name: tools, when: { tools: true }, pool: fast, max_tier: 2, priority: low }
  - { when: { metadata: { purpose: eval-* } }, pool: smart }
  - { when: { model: next-* }, pool: fast }
`;

let api: TestApi;
before(async () => {
  api = await startTestApi({ config: ROUTES });
});
after(() => api.stop());

const tools = [{ type: 'function', function: { name: 'f' } }];

const SENT: [
  what: string,
  order: object,
  expected: [pool: string, priority: string, tier: number | null],
][] = [
  ['what no route takes', { model: 'fast', body: chat() }, ['fast', 'normal', null]],
  ['tools', { model: 'smart', body: { ...chat(), tools } }, ['fast', 'low', 2]],
  [
    'tools, with a tighter tier',
    { model: 'smart', body: { ...chat(), tools }, max_tier: 1 },
    ['fast', 'low', 1],
  ],
  [
    'metadata',
    { model: 'fast', body: chat(), metadata: { purpose: 'eval-1' } },
    ['smart', 'normal', null],
  ],
  ['a name that only a route knows', { model: 'next-1', body: chat() }, ['fast', 'normal', null]],
  [
    'a deployment',
    { model: 'deployment/mini', body: { ...chat(), tools } },
    ['deployment/mini', 'normal', null],
  ],
];

for (const [what, order, expected] of SENT)
  test(`a job goes where the routes say: ${what}`, async () => {
    const { status, json } = await api.call('POST /v1/jobs', order);
    assert.equal(status, 202, JSON.stringify(json));
    const job = await readJob(api.ledger, json.id as string);
    assert.deepEqual([job?.pool, job?.priority, job?.maxTier], expected);
    assert.equal(json.priority, expected[1]);
  });

test('a name that no route and no pool has is still unknown, and a route does not hide it', async () => {
  const { status, json } = await api.call('POST /v1/jobs', {
    model: 'fats',
    body: { ...chat(), tools },
  });
  assert.deepEqual([status, json.error.code], [404, 'model_not_found']);
});

test('what a routed pool cannot express is said of that pool', async () => {
  const { status, json } = await api.call('POST /v1/jobs', {
    model: 'fast',
    body: { ...chat(), logprobs: true },
    metadata: { purpose: 'eval-1' },
  });
  assert.equal(status, 400);
  assert.match(
    json.error.message as string,
    /no deployment of smart can express logprobs \(route .*\); leave it out, or .* drop_params/,
  );
});
