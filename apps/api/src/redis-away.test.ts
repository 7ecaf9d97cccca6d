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
