/** Who waits for what the config does not let run is told so, a job as well as a batch. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Admission } from '@sluice/admission';
import { loadConfig } from '@sluice/config';
import { moveBatch } from '@sluice/ledger';
import { until } from '@sluice/testing';
import { chat, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

const configOf = (pools: string, arms: readonly [number, number]): string => `
providers:
  p: { type: openai, api_key: k, base_url: "http://127.0.0.1:9/v1" }
  c: { type: anthropic, api_key: k, base_url: "http://127.0.0.1:9" }
deployments:
  mini: { provider: p, model: m }
  parked: { provider: p, model: m, weight: 0 }
  narrow: { provider: p, model: m, limits: { tpm: 100 } }
  other: { provider: c, model: m }
  single: { provider: p, model: m, limits: { concurrency: 1 } }
pools:
  fast: [mini, parked]
  parked: [parked]
  narrow: [narrow, parked]
  single: { tiers: [[single], [mini]] }
  trial: { strategy: { name: split, strict: true, arms: { mini: ${arms[0]}, other: ${arms[1]} } }, tiers: [[mini, other]] }
  ${pools}
`;

let api: TestApi;
/** A job that only an arm can say to which the config gives nothing once it is read anew. */
let beforeReload: string;
before(async () => {
  const fleet = configOf('leaving: [mini]', [50, 50]);
  api = await startTestApi({ fleet, reloaded: configOf('', [0, 100]) });
});
after(() => api.stop());

async function submit(model: string, more: Record<string, unknown> = {}): Promise<string> {
  const { json } = await api.call('POST /v1/jobs', { model, body: { ...chat(), ...more } });
  return json.id;
}

const waitingOf = async (id: string) => (await api.call(`GET /v1/jobs/${id}`)).json.waiting;

/** What a batch with lines in these pools says of itself. */
// oxlint-disable-next-line typescript/no-explicit-any
async function sluiceOf(...pools: string[]): Promise<any> {
  return sluiceWith({}, ...pools);
}

// oxlint-disable-next-line typescript/no-explicit-any
async function sluiceWith(record: Record<string, string>, ...pools: string[]): Promise<any> {
  const line = '{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{}}';
  const type = { 'content-type': 'application/jsonl' };
  const { json } = await api.call('POST /v1/batches?completion_window=24h', line, type);
  const lines = { formats: 0xffff, jobs: 1, characters: 40, maxOutput: 0, unsetOutput: 1 };
  const classes = pools.map((pool) => ({ index: 'index-0', pool, ...lines }));
  const set = { total: pools.length, classes: JSON.stringify(classes), ...record };
  await moveBatch(api.ledger, json.id, { from: ['validating'], to: 'in_progress', set });
  return (await api.call(`GET /v1/batches/${json.id}`)).json.sluice;
}

const WEIGHT = 'its weight is 0: nothing new is placed on it';

test('weight 0 everywhere', async () => {
  assert.equal(await waitingOf(await submit('fast')), undefined);
  const parked = { deployment: 'parked', state: 'active', reason: WEIGHT };
  for (const model of ['parked', 'deployment/parked']) {
    const waiting = await waitingOf(await submit(model));
    assert.deepEqual(waiting.deployments, [parked]);
  }
  const { blocked, waiting: all } = await sluiceOf('parked');
  assert.deepEqual(blocked, [{ deployment: 'parked', reason: WEIGHT }]);
  assert.equal(all.reason, `no deployment of parked takes calls now (parked: ${WEIGHT})`);
  const partly = await sluiceOf('parked', 'fast');
  assert.deepEqual([partly.blocked, partly.waiting], [blocked, null], 'others of it go on');
});

test('what a ceiling leaves out is among what is blocked, and once where it takes nothing anyway', async () => {
  const left = { max_cost: '1', cost: '0.9', unpaid_at: '["mini","parked"]' };
  const { blocked } = await sluiceWith(left, 'fast');
  const [parked, mini, ...others] = blocked;
  assert.deepEqual([parked, others], [{ deployment: 'parked', reason: WEIGHT }, []]);
  assert.equal(mini.deployment, 'mini');
  assert.match(mini.reason, /^left out by max_cost_usd: 0\.100000 of 1 USD are left/);
});

test('a request larger than a whole minute of a limit', async () => {
  const [narrow, parked] = (await waitingOf(await submit('narrow'))).deployments;
  assert.match(
    narrow.reason,
    /^a request takes about [\d,]+ tokens, more than tpm of budget narrow lets through in a minute \(100\)/,
  );
  assert.equal(parked.reason, WEIGHT);
  assert.equal(await waitingOf(await submit('narrow', { max_tokens: 10 })), undefined, 'it fits');
  const { waiting, blocked } = await sluiceOf('narrow');
  assert.match(waiting.reason, /^1 line is too large to be sure of: narrow: a request takes about/);
  assert.deepEqual(blocked, [{ deployment: 'parked', reason: WEIGHT }]);
  assert.equal((await sluiceOf('fast')).waiting, null);
});

test('limits of its deployments that are used up', async () => {
  const id = await submit('single');
  assert.equal(await waitingOf(id), undefined);
  const loaded = loadConfig({ source: { text: configOf('leaving: [mini]', [50, 50]) }, env: {} });
  if (loaded.kind === 'invalid') assert.fail();
  const { redis, keys } = api.ledger;
  const admission = new Admission({ redis, prefix: 'test', fleet: loaded.fleet });
  const costs = [{ requests: 1 as const, input: 10, output: 10, usd: 0 }];
  await admission.book('single', { costs, band: 'batch', leases: ['a'], leaseMs: 60_000 });
  admission.close();
  const waiting = await until('it is told', () => waitingOf(id));
  const reason =
    'limit concurrency of budget single is used up: the one call at once that it allows';
  const deployments = [{ deployment: 'single', state: 'active', reason }];
  const all = 'no deployment of single has room now: their limits are used up';
  assert.deepEqual(waiting, { reason: all, deployments });
  await redis.hset(keys.job(id), 'deployment', 'single');
  const own = 'single has no room now: its limits are used up';
  assert.deepEqual(await waitingOf(id), { reason: own, deployments });
  await redis.hset(keys.job(id), 'status', 'running');
  assert.equal(await waitingOf(id), undefined);
  await redis.hset(keys.job(id), 'gate', '1');
  assert.deepEqual(await waitingOf(id), { reason: own, deployments }, 'a worker has it');
});

test('a pool that the config has no more', async () => {
  const id = await submit('leaving');
  assert.equal(await waitingOf(id), undefined);
  beforeReload = await submit('trial', { logprobs: true });
  assert.equal(await waitingOf(beforeReload), undefined);
  assert.equal((await api.call('POST /admin/reload')).status, 200);
  const reason = 'the config has no pool leaving';
  assert.deepEqual(await waitingOf(id), { reason, deployments: [] });
  assert.deepEqual((await sluiceOf('leaving', 'fast')).blocked, [
    { deployment: 'leaving', reason },
    { deployment: 'parked', reason: WEIGHT },
  ]);
});

test('an arm that gets nothing more', async () => {
  const { deployments } = await waitingOf(beforeReload);
  assert.deepEqual(
    deployments.map(({ reason }: { reason: string }) => reason),
    [
      'its arm of the split of trial has 0 %: nothing new is placed on it',
      'its wire format cannot express one of the parameters',
    ],
  );
  const order = { model: 'trial', body: { ...chat(), logprobs: true } };
  const refused = await api.call('POST /v1/jobs', order);
  assert.deepEqual([refused.status, refused.json.error.param], [400, 'body.logprobs']);
});
