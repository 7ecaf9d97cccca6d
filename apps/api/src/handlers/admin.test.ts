import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Admission } from '@sluice/admission';
import { loadConfig } from '@sluice/config';
import { openQueue } from '@sluice/queues';
import { until } from '@sluice/testing';
import { FLEET, chat, startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

const shares = (share: number | null, capacity: number) => ({ share, capacity_share: capacity });

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
    tried_from: 9_500,
  };
  await redis.hset(keys.health, {
    mini: JSON.stringify({
      state: 'active',
      reason: null,
      blocked: null,
      since: 1_000,
      share: 0.75,
      capacity_share: 0.25,
      error_rate: 0.5,
    }),
    haiku: JSON.stringify(blocked),
    removed: '{"state":"active","share":0.5}',
  });
  const pools = {
    fast: { waiting: 150, deployments: { mini: shares(0.9, 0.5), haiku: shares(0, 0.5) } },
    smart: { waiting: 0, deployments: { haiku: shares(null, 1) } },
  };
  await redis.set(keys.pools, JSON.stringify(pools));
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

/** One call of `mini`, always by the same lease. */
let bookOne: () => Promise<unknown>;
let closeAdmission: () => void;

test('deployments show state, share, calls and the use of each limit', async () => {
  const { json } = await until('a limit to be in use', async () => {
    await bookOne();
    const answer = await api.call('GET /admin/deployments');
    return answer.json.data[0].used[0].used > 0 ? answer : null;
  });
  const { used, burst_used: burst } = json.data[0].used[0];
  assert.ok(used < 0.2 && burst >= 0 && burst <= 1, `${used} of the rate, ${burst} of the burst`);
  const [mini, haiku] = json.data;
  assert.deepEqual([mini.id, mini.state, mini.in_flight], ['mini', 'active', 1]);
  const { share, capacity_share: capacity, error_rate: errors } = mini;
  assert.deepEqual([share, capacity, errors], [0.75, 0.25, 0.5]);
  assert.deepEqual([haiku.share, haiku.error_rate], [0, null]);
  assert.deepEqual([mini.used[0].dimension, mini.used[0].limit], ['rpm', 600]);
  const { state, reason, blocked, since } = haiku;
  assert.deepEqual([state, reason, blocked, since], ['blocked', 'its key', 'credential', 5]);
  assert.deepEqual([mini.next_try_at, haiku.next_try_at], [null, 10]);
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
    { id: 'mini', tier: 1, state: 'active', share: 0.9, capacity_share: 0.5 },
    { id: 'haiku', tier: 2, state: 'blocked', share: 0, capacity_share: 0.5 },
  ]);
});

test('queued of a pool is all that waits: in the ledger, failed and to be placed again, and what the leader tells', async () => {
  const { redis, keys } = api.ledger;
  const queued = async () =>
    (await api.call('GET /admin/pools')).json.data.map((one: { queued: number }) => one.queued);
  assert.deepEqual(await queued(), [150, 0]);
  for (const slot of [3, 11]) await redis.zadd(keys.backlog(slot), 0, 'a job');
  await redis.hset(keys.backlogPools(3), { fast: 20, smart: 7 });
  await redis.hset(keys.backlogPools(11), { fast: 30, 'deployment/mini': 5 });
  const failed = openQueue('fallback-fast', redis, { prefix: 'test', keep: 10 });
  await failed.add('retry', {}, { delay: 60_000 });
  await failed.add('retry', {}, { priority: 2 });
  await until('it is counted', async () => String(await queued()) === '202,7');
  await failed.obliterate();
  await failed.close();
  for (const slot of [3, 11]) await redis.del(keys.backlog(slot), keys.backlogPools(slot));
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
  for (const part of ['used', 'burst_used']) {
    const share = mini.used[0][part];
    assert.ok(share >= 0 && share <= 1, `${part}: ${share}`);
  }
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
    'sluice_deployment_error_ratio{deployment="mini"} 0.5',
    'sluice_pool_share{pool="fast",deployment="mini"} 0.9',
    'sluice_deployment_state{deployment="haiku",state="blocked"} 1',
    'sluice_queue_entries{queue="run-mini",state="waiting"} 0',
  ]) {
    assert.ok(text.includes(line), line);
  }
  await until('the queued job is counted', async () => {
    const later = (await api.call('GET /metrics')).text;
    return [
      'sluice_queue_entries{queue="jobs-fast",state="prioritized"} 1',
      'sluice_pool_queued{pool="fast"} 151',
    ].every((line) => later.includes(line));
  });
  assert.doesNotMatch(text, /deployment="removed"/, 'it is not in the config any more');
  // A 429 has paused it since: the figure may be 0 by now.
  assert.match(text, /sluice_budget_used_ratio\{budget="mini",dimension="rpm"\} \d/);
  assert.match(
    text,
    /sluice_http_request_duration_seconds_count\{method="POST",route="\/v1\/jobs",status="202"\} 1/,
  );
});
