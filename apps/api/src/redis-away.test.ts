import assert from 'node:assert/strict';
import { test } from 'node:test';
import { standStill, until } from '@sluice/testing';
import { chat, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

const order = { model: 'fast', body: chat() };

async function timed(api: TestApi, line: string, body?: unknown) {
  const began = performance.now();
  const answer = await api.call(line, body);
  const ms = performance.now() - began;
  assert.ok(ms <= 2_000, `${line} took ${ms} ms`);
  return answer;
}

async function expectAway(api: TestApi, code: string): Promise<void> {
  const posted = await timed(api, 'POST /v1/jobs', order);
  assert.equal(posted.status, 503, posted.text);
  assert.equal(posted.json.error.code, code);
  const unknown = code === 'fate_unknown';
  assert.equal(/Idempotency-Key/.test(posted.json.error.message), unknown);
  assert.equal(posted.headers.get('x-should-retry'), unknown ? 'false' : null);
  assert.ok(Number(posted.headers.get('retry-after')) <= 60);
  const upload = { filename: 'a.jsonl', purpose: 'batch', bytes: 9, mime_type: 'text/jsonl' };
  const begun = await timed(api, 'POST /v1/uploads', upload);
  assert.deepEqual([begun.status, begun.headers.get('x-should-retry')], [503, 'true']);
  const board = await timed(api, 'GET /admin/queues/api/queues');
  assert.deepEqual([board.status, board.json.error.code], [503, 'ledger_unavailable']);
  for (const line of ['GET /v1/jobs', `GET /v1/jobs/job_${'0'.repeat(32)}`, 'GET /v1/batches']) {
    const { status, json } = await timed(api, line);
    assert.deepEqual([status, json.error.code], [503, 'ledger_unavailable'], line);
  }
  const reload = await timed(api, 'POST /admin/reload');
  assert.equal(reload.status, 503);
  // A connection that hangs is made anew after a while.
  const told = unknown ? /^(reload_unknown|ledger_unavailable)$/ : /^ledger_unavailable$/;
  assert.match(reload.json.error.code, told);
  const ready = await timed(api, 'GET /readyz');
  assert.deepEqual([ready.status, ready.json.missing], [503, ['redis: cannot be reached']]);
  assert.equal((await timed(api, 'GET /healthz')).status, 200);
  assert.equal((await timed(api, 'GET /metrics')).status, 200);
}

test('a Redis that hangs is 503 within two seconds, and work goes on when it is back', async () => {
  const api = await startTestApi();
  try {
    assert.equal((await api.call('POST /v1/jobs', order)).status, 202);
    await standStill(api.redis.pid);
    await expectAway(api, 'fate_unknown');
    process.kill(api.redis.pid, 'SIGCONT');
    await until('it answers', async () => (await api.call('POST /v1/jobs', order)).status === 202);
  } finally {
    process.kill(api.redis.pid, 'SIGCONT');
    await api.stop();
  }
});

test('a Redis that is gone is 503 within two seconds', async () => {
  const api = await startTestApi();
  try {
    await api.redis.stop();
    await expectAway(api, 'ledger_unavailable');
  } finally {
    await api.stop();
  }
});

const LINE = { custom_id: 'a', method: 'POST', url: '/v1/chat/completions' };

async function someBatch(api: TestApi): Promise<string> {
  const line = JSON.stringify({ ...LINE, body: { model: 'fast', ...chat() } });
  const type = { 'content-type': 'application/jsonl' };
  const { json } = await api.call('POST /v1/batches', line, type);
  return json.id;
}

async function someEndpoint(api: TestApi): Promise<string> {
  const wanted = { name: 'a', url: 'http://127.0.0.1:9/', event_types: ['batch.completed'] };
  return (await api.call('POST /v1/webhook_endpoints', wanted)).json.id;
}

/** Asks while Redis takes no writes, which are done when it goes on. */
async function askWhilePaused(api: TestApi, line: string, body?: unknown) {
  await api.ledger.redis.client('PAUSE', 60_000, 'WRITE');
  try {
    const { status, json, headers } = await api.call(line, body);
    const { code, message } = json.error;
    assert.deepEqual([status, code], [503, 'change_unknown'], line);
    assert.doesNotMatch(message, /Nothing was changed/i);
    return { message, again: headers.get('x-should-retry') };
  } finally {
    await api.ledger.redis.client('UNPAUSE');
  }
}

test('a change whose answer was lost is unknown, may be done, and a GET tells', async () => {
  const api = await startTestApi();
  try {
    const id = await someBatch(api);
    const batch = async () => (await api.call(`GET /v1/batches/${id}`)).json;
    const safe = { message: told(`/v1/batches/${id}`, 'To ask again is safe'), again: 'true' };
    const resumed = told(
      `/v1/batches/${id}`,
      'Look before you ask again: once max_cost_usd is reached, to resume is to lift it',
    );
    assert.deepEqual(await askWhilePaused(api, `POST /v1/batches/${id}/pause`), safe);
    await until('it is paused', async () => (await batch()).sluice.paused);
    const { message, again } = await askWhilePaused(api, `POST /v1/batches/${id}/resume`);
    assert.deepEqual([message, again], [resumed, 'false']);
    await until('it is resumed', async () => !(await batch()).sluice.paused);
    assert.deepEqual(await askWhilePaused(api, `POST /v1/batches/${id}/cancel`), safe);
    await until('it is cancelled', async () => (await batch()).status === 'cancelling');
    const patch = await askWhilePaused(api, 'PATCH /admin/deployments/mini', { state: 'paused' });
    assert.deepEqual(patch, {
      ...safe,
      message: told('/admin/deployments', 'To ask again is safe'),
    });
  } finally {
    await api.stop();
  }
});

const told = (path: string, then: string): string =>
  `The ledger (Redis) did not answer, and whether this was done is unknown. GET ${path} tells. ${then}.`;

test('a secret whose rotation is unknown is not rotated again unseen', async () => {
  const api = await startTestApi();
  try {
    const path = `/v1/webhook_endpoints/${await someEndpoint(api)}`;
    const hint = async () => (await api.call(`GET ${path}`)).json.signing_secret_hint;
    const before = await hint();
    const { message, again } = await askWhilePaused(api, `POST ${path}/rotate_secret`, {});
    assert.equal(again, 'false');
    assert.match(message, /Look before you ask again: another secret drops the one before/);
    await until('it is rotated', async () => (await hint()) !== before);
  } finally {
    await api.stop();
  }
});

test('a Redis that hangs may have heard of a patch; of a pause it was asked nothing yet', async () => {
  const api = await startTestApi();
  try {
    const id = await someBatch(api);
    await standStill(api.redis.pid);
    const patch = await timed(api, 'PATCH /admin/deployments/mini', { state: 'paused' });
    assert.deepEqual([patch.status, patch.json.error.code], [503, 'change_unknown']);
    const pause = await timed(api, `POST /v1/batches/${id}/pause`);
    assert.deepEqual([pause.status, pause.json.error.code], [503, 'ledger_unavailable']);
    process.kill(api.redis.pid, 'SIGCONT');
    await until('it is patched', async () => {
      const { json } = await api.call('GET /admin/deployments');
      return json.data?.some((one: { overridden?: unknown }) => one.overridden);
    });
    const { json } = await api.call(`GET /v1/batches/${id}`);
    assert.equal(json.sluice.paused, false);
  } finally {
    process.kill(api.redis.pid, 'SIGCONT');
    await api.stop();
  }
});

test('without a connection nothing is changed, also when Redis comes back', async () => {
  const api = await startTestApi();
  try {
    process.kill(api.redis.pid, 'SIGKILL');
    await until('the connection is gone', async () => {
      const { json } = await timed(api, 'PATCH /admin/deployments/mini', { state: 'paused' });
      return json.error.code === 'ledger_unavailable';
    });
    await api.redis.restart();
    await until('it is back', async () => (await api.call('GET /v1/batches')).status === 200);
    const { json } = await api.call('GET /admin/deployments');
    assert.ok(json.data.every((one: { overridden: unknown }) => one.overridden === null));
  } finally {
    await api.stop();
  }
});

test('an API that starts while Redis is away queues and counts as soon as it is there', async () => {
  const api = await startTestApi({ redisAway: true });
  try {
    const posted = await until('a job is accepted', async () => {
      const { status, json } = await api.call('POST /v1/jobs', order);
      return status === 202 ? (json.id as string) : null;
    });
    const counted = await until('it is queued', async () => {
      const { text } = await api.call('GET /metrics');
      return text.includes('sluice_queue_entries{queue="jobs-fast",state="prioritized"} 1');
    });
    assert.ok(posted && counted);
  } finally {
    await api.stop();
  }
});
