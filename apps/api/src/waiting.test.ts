/** Who waits for what the config does not let run is told so, a job as well as a batch. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { moveBatch } from '@sluice/ledger';
import { chat, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

const configOf = (pools: string): string => `
providers: { p: { type: openai, api_key: k, base_url: "http://127.0.0.1:9/v1" } }
deployments:
  mini: { provider: p, model: m }
  parked: { provider: p, model: m, weight: 0 }
pools: { fast: [mini, parked], parked: [parked]${pools} }
`;

let api: TestApi;
before(async () => {
  api = await startTestApi({ fleet: configOf(', leaving: [mini]'), reloaded: configOf('') });
});
after(() => api.stop());

async function submit(model: string): Promise<string> {
  const { json } = await api.call('POST /v1/jobs', { model, body: chat() });
  return json.id;
}

const waitingOf = async (id: string) => (await api.call(`GET /v1/jobs/${id}`)).json.waiting;

/** What a batch with lines in these pools says of them. */
async function blockedOf(...pools: string[]): Promise<unknown> {
  const line = '{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{}}';
  const type = { 'content-type': 'application/jsonl' };
  const { json } = await api.call('POST /v1/batches?completion_window=24h', line, type);
  const classes = pools.map((pool) => ({ index: 'index-0', pool, formats: 1, jobs: 1 }));
  const set = { total: pools.length, classes: JSON.stringify(classes) };
  await moveBatch(api.ledger, json.id, { from: ['validating'], to: 'in_progress', set });
  return (await api.call(`GET /v1/batches/${json.id}`)).json.sluice.blocked;
}

const WEIGHT = 'its weight is 0: nothing new is placed on it';

test('weight 0 everywhere', async () => {
  assert.equal(await waitingOf(await submit('fast')), undefined);
  const parked = { deployment: 'parked', state: 'active', reason: WEIGHT };
  for (const model of ['parked', 'deployment/parked']) {
    const waiting = await waitingOf(await submit(model));
    assert.deepEqual(waiting.deployments, [parked]);
  }
  assert.deepEqual(await blockedOf('parked'), [{ deployment: 'parked', reason: WEIGHT }]);
});

test('a pool that the config has no more', async () => {
  const id = await submit('leaving');
  assert.equal(await waitingOf(id), undefined);
  assert.equal((await api.call('POST /admin/reload')).status, 200);
  const reason = 'the config has no pool leaving';
  assert.deepEqual(await waitingOf(id), { reason, deployments: [] });
  assert.deepEqual(await blockedOf('leaving', 'fast'), [
    { deployment: 'leaving', reason },
    { deployment: 'parked', reason: WEIGHT },
  ]);
});
