import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { afterRequest, mayBeAccepted } from '@sluice/fairness';
import { makeId } from '@sluice/job';
import { addSpending, settleOpen, takeAllowance } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';
import { beyondQueue } from './allowance.ts';
import type { Api } from './api.ts';
import { chat, endJobAs, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

let api: TestApi;
before(async () => {
  api = await startTestApi({
    config: `
tenants:
  fast: { api_keys: [fast], limits: { requests_per_minute: 2 } }
  deep: { api_keys: [deep], limits: { max_queued: 3 } }
  dear: { api_keys: [dear], limits: { usd_per_day: 5 } }
  free: { api_keys: [free] }
`,
  });
});
after(() => api.stop());

const order = { model: 'fast', body: chat() };
const as = (key: string, more: Record<string, string> = {}) => ({
  authorization: `Bearer ${key}`,
  ...more,
});
const submit = (key: string, more = {}) => api.call('POST /v1/jobs', order, as(key, more));
const line = (id: number): string =>
  `{"custom_id":"${id}","method":"POST","url":"/v1/responses","body":{"model":"fast","input":"x"}}`;
const batchOf = (key: string, count: number) =>
  api.call(
    'POST /v1/batches',
    Array.from({ length: count }, (_, i) => line(i)).join('\n'),
    as(key, { 'content-type': 'application/jsonl' }),
  );

test('requests beyond those of a minute are refused, with when to come again; repeats are not', async () => {
  const keyed = { 'idempotency-key': 'one' };
  const first = await submit('fast', keyed);
  assert.equal(first.status, 202);
  assert.equal((await submit('fast')).status, 202);
  const { status, json, headers } = await submit('fast');
  assert.deepEqual([status, json.error.code], [429, 'rate_limit_exceeded']);
  assert.equal(json.error.type, 'rate_limit_error');
  assert.match(json.error.message, /fast is over its limit requests_per_minute: found 3 /);
  const seconds = Number(headers.get('retry-after'));
  assert.ok(seconds >= 25 && seconds <= 30, `${seconds}: half a minute for one of two a minute`);
  assert.equal(headers.get('x-should-retry'), 'true');
  assert.equal(first.headers.get('idempotent-replayed'), null);
  const again = await submit('fast', keyed);
  assert.equal(again.json.id, first.json.id);
  assert.equal(again.headers.get('idempotent-replayed'), 'true');
  assert.equal((await submit('free')).status, 202);
});

test('jobs and batch lines that have not ended count together; what ends makes room', async () => {
  const job = (await submit('deep')).json.id as string;
  const stored = api.stored().length;
  const tooMany = await batchOf('deep', 3);
  assert.equal(tooMany.status, 429);
  assert.match(tooMany.json.error.message, /max_queued: found 4 jobs and batch lines .*allowed: 3/);
  assert.equal(tooMany.headers.get('x-should-retry'), 'true');
  assert.equal(api.stored().length, stored, 'nothing is kept of a refused batch');
  assert.equal((await batchOf('deep', 4)).headers.get('x-should-retry'), 'false', 'never fits');
  const batch = await batchOf('deep', 2);
  assert.equal(batch.status, 200);
  assert.equal((await submit('deep')).status, 429);
  await endJobAs(api.ledger, job, { status: 'succeeded' });
  assert.equal((await submit('deep')).status, 202);
  assert.equal((await submit('deep')).status, 429);
  // One of the two lines is answered.
  const progress = { total: 2, completed: 1, failed: 0, status: 'in_progress' };
  await api.ledger.redis.hset(api.ledger.keys.batch(batch.json.id), progress);
  assert.equal((await submit('deep')).status, 202);
});

test('whether a batch would fit is told without counting anything', async () => {
  const tenants = [{ id: 'deep', limits: { max_queued: 3 } }] as unknown as Api['tenants'];
  const asked = (lines: number, id = 'deep') =>
    beyondQueue({ ledger: api.ledger, tenants }, { id, pools: null }, lines);
  const words = async (lines: number) => {
    const beyond = await asked(lines);
    return beyond && [beyond.never, beyond.says];
  };
  assert.deepEqual(await words(4), [
    true,
    '4 lines are more than max_queued 3 of tenant deep: the POST answers 429',
  ]);
  const [never, says] = (await words(1)) ?? [];
  assert.equal(never, false, 'three are open from before');
  assert.match(
    String(says),
    /^1 line is more than max_queued 3 .* leaves beside the 3 jobs and lines/,
  );
  assert.equal((await submit('deep')).status, 429, 'and so it is');
  assert.equal(await asked(4, 'free'), null);
  const open = await api.call('GET /v1/jobs?status=queued', undefined, as('deep'));
  const [{ id }] = open.json.data;
  await endJobAs(api.ledger, id, { status: 'succeeded' });
  for (let times = 0; times < 2; times++)
    assert.equal(await asked(1), null, 'what ended made room');
  assert.equal((await submit('deep')).status, 202);
});

test('a day’s money is not exceeded by new work', async () => {
  assert.equal((await submit('dear')).status, 202);
  const [now, hour] = [Date.now(), 3_600_000];
  // The oldest of it is not enough: 5 US dollars are left of the hour before.
  for (const [usd, hours] of [
    [0.5, 20],
    [1, 10],
    [4, 1],
  ] as const)
    await addSpending(api.ledger, 'dear', { usd, now: now - hours * hour });
  const { status, json, headers } = await submit('dear');
  assert.equal(status, 429);
  assert.match(json.error.message, /usd_per_day: found 5\.5 US dollars in the last 24 hours/);
  const [, hours] = /below the limit again in ([\d.]+) hours/.exec(json.error.message) ?? [];
  assert.ok(Number(hours) >= 13.9 && Number(hours) <= 14.3, `in ${hours} hours`);
  assert.deepEqual([headers.get('retry-after'), headers.get('x-should-retry')], ['60', 'false']);
  const { spent } = api.ledger.keys.tenant('dear');
  await api.ledger.redis.del(spent);
  await addSpending(api.ledger, 'dear', { usd: 9, now: Date.now() - 25 * 3_600_000 });
  assert.equal((await submit('dear')).status, 202);
  assert.deepEqual(await api.ledger.redis.hgetall(spent), {}, 'what is past is forgotten');
});

/** Sends each taking twice, as the client does when the first reply is lost. */
function sendingTwice(ledger: Ledger): Ledger {
  const { redis } = ledger;
  type Send = (...rest: unknown[]) => Promise<unknown>;
  const send = (redis as unknown as { sluice_take_allowance: Send }).sluice_take_allowance;
  const twice: Send = async (...rest) => {
    const [first] = await Promise.all([send.apply(redis, rest), send.apply(redis, rest)]);
    return first;
  };
  return { ...ledger, redis: Object.create(redis, { sluice_take_allowance: { value: twice } }) };
}

test('the script allows exactly what the policy allows', () => assertAllowsAsPolicy(api.ledger));

test('and counts once what is sent twice', () => assertAllowsAsPolicy(sendingTwice(api.ledger)));

async function assertAllowsAsPolicy(ledger: Ledger): Promise<void> {
  const limit = fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined });
  const limitsOf = fc.record({
    requests_per_minute: limit,
    max_queued: limit,
    usd_per_day: limit,
  });
  const step = fc.record({
    adds: fc.integer({ min: 1, max: 3 }),
    usd: fc.integer({ min: 0, max: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(limitsOf, fc.array(step, { maxLength: 12 }), async (limits, steps) => {
      const tenant = `t-${randomUUID()}`;
      const set = Object.fromEntries(Object.entries(limits).filter(([, value]) => value));
      const model = { queued: 0, spentUsd: 0, requestsFullAt: 0 };
      for (const { adds, usd } of steps) {
        const id = makeId('batch', randomBytes(16));
        const now = Date.now();
        const facts = { ...model, now, adds, drainPerMs: null, spentLessAt: null };
        const taken = await takeAllowance(ledger, { tenant, limits: set, id, adds });
        assert.equal(taken.kind === 'taken', mayBeAccepted(set, facts).kind === 'accept');
        if (taken.kind === 'taken') {
          model.queued += adds;
          model.requestsFullAt = afterRequest(set, model.requestsFullAt, now);
        }
        await addSpending(ledger, tenant, { usd, now });
        model.spentUsd += usd;
      }
    }),
    { numRuns: 60 },
  );
}

test('more open objects than are looked at in one round are all looked at in the end', async () => {
  const { ledger } = api;
  const { allowance, open, lines } = ledger.keys.tenant('many');
  const ids = Array.from({ length: 1_500 }, () => makeId('job', randomBytes(16)));
  for (const [at, id] of ids.entries()) {
    // The oldest thousand are open.
    if (at < 1_000) await ledger.redis.hset(ledger.keys.job(id), 'status', 'queued');
    await ledger.redis.zadd(open, at, id);
    await ledger.redis.hset(lines, id, 1);
  }
  await ledger.redis.hset(allowance, 'queued', 1_500);
  assert.equal(await settleOpen(ledger, 'many'), 0);
  assert.equal(await settleOpen(ledger, 'many'), 500);
  assert.equal(await ledger.redis.hget(allowance, 'queued'), '1000');
});
