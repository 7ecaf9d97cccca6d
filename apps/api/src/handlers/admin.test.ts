import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Admission } from '@sluice/admission';
import { loadConfig } from '@sluice/config';
import { until } from '@sluice/testing';
import { FLEET, chat, startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

let api: TestApi;
before(async () => {
  api = await startTestApi();
  const { redis, keys } = api.ledger;
  const blocked = {
    state: 'blocked',
    reason: 'its key',
    blocked: 'credential',
    since: 5_000,
    share: 0,
  };
  await redis.hset(keys.health, {
    mini: '{"state":"active","share":0.75,"reason":null,"blocked":null,"since":1000}',
    haiku: JSON.stringify(blocked),
    removed: '{"state":"active","share":0.5}',
  });
  const loaded = loadConfig({ source: { text: FLEET }, env: {} });
  assert.ok(loaded.kind === 'ok');
  const admission = new Admission({ redis, prefix: 'test', fleet: loaded.fleet });
  const costs = [{ requests: 1 as const, input: 10, output: 10, usd: 0 }];
  bookOne = () => admission.book('mini', { costs, band: 'batch', leases: ['l1'], leaseMs: 60_000 });
  await bookOne();
  closeAdmission = () => admission.close();
});
after(() => {
  closeAdmission();
  return api.stop();
});

/** One call of `mini`, always by the same lease. What it uses of the limit is regained within a tenth of a second. */
let bookOne: () => Promise<unknown>;
let closeAdmission: () => void;

test('deployments show state, share, calls and the use of each limit', async () => {
  const { json } = await until('a limit to be in use', async () => {
    await bookOne();
    const answer = await api.call('GET /admin/deployments');
    return answer.json.data[0].used[0].used > 0 ? answer : null;
  });
  const [mini, haiku] = json.data;
  assert.deepEqual([mini.id, mini.state, mini.share, mini.in_flight], ['mini', 'active', 0.75, 1]);
  assert.deepEqual([mini.used[0].dimension, mini.used[0].limit], ['rpm', 600]);
  const { state, reason, blocked, since } = haiku;
  assert.deepEqual([state, reason, blocked, since], ['blocked', 'its key', 'credential', 5]);
});

test('a deployment that a 429 has paused says so', async () => {
  const loaded = loadConfig({ source: { text: FLEET }, env: {} });
  assert.ok(loaded.kind === 'ok');
  const { redis } = api.ledger;
  const admission = new Admission({ redis, prefix: 'test', fleet: loaded.fleet });
  const expected = { requests: 1 as const, input: 10, output: 10, usd: 0 };
  const times = { retryAfterMs: 86_400_000, tookMs: 5, leaseMs: 60_000 };
  await admission.refused('mini', { expected, limit: null, ...times });
  admission.close();
  await until('it says so', async () =>
    (await api.call('GET /admin/deployments')).json.data[0].reason?.startsWith('paused until '),
  );
  const [mini] = (await api.call('GET /admin/deployments')).json.data;
  assert.ok(mini.paused_for_ms > 50_000 && mini.paused_for_ms <= 60_000, mini.paused_for_ms);
});

test('pools show who serves them now', async () => {
  const { json } = await api.call('GET /admin/pools');
  const fast = json.data.find(({ id }: { id: string }) => id === 'fast');
  assert.deepEqual(fast.deployments, [
    { id: 'mini', tier: 1, state: 'active', share: 1 },
    { id: 'haiku', tier: 2, state: 'blocked', share: 0 },
  ]);
});

test('the plan is shown as it was published, and what it gives each deployment', async () => {
  const { redis, keys } = api.ledger;
  const none = await api.call('GET /admin/plan');
  assert.deepEqual([none.json.made_at, none.json.classes], [null, []]);
  const published = { ...none.json, made_at: 5, deployments: { mini: 'mini gets all of it.' } };
  await redis.set(keys.plan, JSON.stringify(published));
  assert.deepEqual((await api.call('GET /admin/plan')).json, published);
  const { json } = await api.call('GET /admin/deployments');
  const says = json.data.map((one: { plan: string | null }) => one.plan);
  assert.deepEqual(says.slice(0, 2), ['mini gets all of it.', null]);
});

test('budgets show their limits, who draws on them and what is used', async () => {
  const { json } = await api.call('GET /admin/budgets');
  const mini = json.data.find(({ id }: { id: string }) => id === 'mini');
  assert.deepEqual(mini.limits, { rpm: 600 });
  assert.deepEqual(mini.deployments, ['mini']);
  assert.equal((await api.call('GET /admin/budgets?x=1')).status, 400);
});

test('ready means that a dispatcher leads', async () => {
  const { redis, keys } = api.ledger;
  const waiting = await api.call('GET /readyz');
  assert.deepEqual([waiting.status, waiting.json.missing.length], [503, 1]);
  assert.match(waiting.json.missing[0], /^dispatcher/);
  await redis.set(keys.leader, 'someone 1', 'PX', 60_000);
  assert.equal((await api.call('GET /readyz')).status, 200);
});

test('metrics have the figures of the process, the queues, the deployments and the budgets', async () => {
  await api.call('POST /v1/jobs', { model: 'fast', body: chat() });
  const { text, headers } = await api.call('GET /metrics');
  assert.match(headers.get('content-type') ?? '', /^text\/plain/);
  for (const line of [
    'sluice_jobs_accepted_total{pool="fast",priority="normal"} 1',
    'sluice_jobs_waiting 1',
    'sluice_deployment_calls_in_flight{deployment="mini"} 1',
    'sluice_deployment_share{deployment="mini"} 0.75',
    'sluice_deployment_state{deployment="haiku",state="blocked"} 1',
    'sluice_queue_entries{queue="run-mini",state="waiting"} 0',
  ]) {
    assert.ok(text.includes(line), line);
  }
  await until('the queued job is counted', async () =>
    (await api.call('GET /metrics')).text.includes(
      'sluice_queue_entries{queue="jobs-fast",state="prioritized"} 1',
    ),
  );
  assert.doesNotMatch(text, /deployment="removed"/, 'it is not in the config any more');
  // What is booked drains within a tenth of a second, so the figure may be 0 by now.
  assert.match(text, /sluice_budget_used_ratio\{budget="mini",dimension="rpm"\} \d/);
  assert.match(
    text,
    /sluice_http_request_duration_seconds_count\{method="POST",route="\/v1\/jobs",status="202"\} 1/,
  );
});
