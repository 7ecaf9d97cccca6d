/** The life of jobs and batches over real processes: cancelled, paused, expired, retried, paid for and told of, to the end. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Redis } from 'ioredis';
import {
  System,
  batchWhen,
  chatBody,
  chatLines,
  endOfBatch,
  postBatch,
  rowsAt,
  until,
} from '@sluice/testing';
import type { SeenBatch } from '@sluice/testing';

let system: System;
let redis: Redis;
before(async () => {
  system = await System.start({
    config: `
providers:
  one: { type: openai, base_url: "{{simulator}}/v1", api_key: one }
  two: { type: openai, base_url: "{{simulator}}/v1", api_key: two }
deployments:
  quick: { provider: one, model: m, price: { input: 100, output: 200 } }
  slow: { provider: two, model: m, limits: { concurrency: 8 }, timeout_ms: 120000 }
pools: { fast: [quick], hanging: [slow] }
retry: { max_attempts: 1 }
`,
    simulator: {
      accounts: {
        one: { key: 'one', format: 'openai', faults: [{ kind: 'error', match: 'bad' }] },
        two: { key: 'two', format: 'openai', faults: [{ kind: 'hang' }] },
      },
    },
    roles: { worker: 2 },
  });
  redis = new Redis(system.redis.url);
});
after(async () => {
  redis.disconnect();
  await system.stop();
});

async function ask(line: string, body?: object) {
  const [method = 'GET', path = ''] = line.split(' ');
  const response = await fetch(system.apiUrl + path, {
    method,
    ...(body && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
  // oxlint-disable-next-line typescript/no-explicit-any -- The tests say what they expect of an answer.
  return { status: response.status, json: (await response.json()) as any };
}

const get = async (path: string) => (await ask(`GET ${path}`)).json;
const chat = (content: string) => chatBody(content, { max_tokens: 16 });
/** Their texts are their ids too. */
function lines(model: string, count: number, content = 'line'): string {
  const textOf = (i: number): string => `${content} ${i}`;
  return chatLines(count, (i) => ({ model, ...chat(textOf(i)) }), textOf);
}

interface Account {
  calls: number;
  aborted: number;
  open: number;
}
const account = async (id: string): Promise<Account> =>
  (await system.simulated<{ accounts: Record<string, Account> }>()).accounts[id] as Account;

interface Batch extends SeenBatch {
  sluice: { paused: boolean; paused_reason: string; retry_of: string };
}

const errorsOf = ({ error_file_id: file }: Batch) =>
  rowsAt<{ error: { code: string } | null }>(`${system.apiUrl}/v1/files/${file}/content`);

const usage = async () => (await get('/admin/usage?bucket=total')).data[0].results[0];

describe('a batch', () => {
  test('that is cancelled aborts its calls in flight and ends at once; undone lines are usage too', async () => {
    const earlier = await usage();
    const { id } = await postBatch(system.apiUrl, lines('hanging', 40));
    await until('calls to hang', async () => (await account('two')).open >= 8);
    assert.equal((await ask(`POST /v1/batches/${id}/cancel`)).status, 200);
    const batch = await endOfBatch<Batch>(system.apiUrl, id, { status: 'cancelled' });
    await until('no call to be open', async () => (await account('two')).open === 0);
    const rows = await errorsOf(batch);
    assert.equal(rows.length, 40);
    assert.ok(rows.every(({ error }) => error?.code === 'batch_cancelled'));
    assert.equal((await usage()).cancelled - earlier.cancelled, 40);
  });

  test('past its window reports what is not done as expired, and may be retried', async () => {
    const earlier = await usage();
    const mixed = `${lines('hanging', 10)}\n${lines('fast', 2, 'bad')}`;
    const { id } = await postBatch(system.apiUrl, mixed, { query: 'completion_window=1h' });
    await until('calls to hang', async () => (await account('two')).open >= 8);
    const key = (await redis.keys(`*:batch:${id}`))[0] as string;
    // An hour passes: for the batch, and for its lines that are under way.
    await redis.hset(key, 'expires', Date.now());
    for (const chunk of await redis.keys(`*:chunk:${id}~*`))
      await redis.hset(chunk, 'deadline', Date.now());
    await redis.zadd(key.replace(/batch:.*/, 'check'), Date.now(), id);
    await until('it to wind down', async () => (await redis.hget(key, 'status')) === 'expiring');
    // Calls in flight may end: here their worker is told to stop.
    await system.simulate('two', { faults: [] });
    for (const name of system.names('worker')) await system.end(name, 'SIGKILL');
    await system.launch('worker');
    const batch = await endOfBatch<Batch>(system.apiUrl, id, { status: 'expired' });
    const codes = (await errorsOf(batch)).map(({ error }) => error?.code ?? 'answered');
    assert.equal(codes.length, 12);
    assert.equal(codes.filter((code) => code === 'batch_expired').length, 10);
    assert.equal((await usage()).expired - earlier.expired, 10);
    const again = await ask(`POST /v1/batches/${id}/retry`, {});
    const retried = await endOfBatch<Batch>(system.apiUrl, again.json.id);
    assert.deepEqual(
      [retried.sluice.retry_of, retried.request_counts],
      [id, { total: 12, completed: 10, failed: 2 }],
    );
  });

  test('pauses at max_cost_usd and says how to go on; resumed it ends', async () => {
    const query = 'max_cost_usd=0.01';
    const { id } = await postBatch(system.apiUrl, lines('fast', 6_000), { query });
    const paused = await batchWhen<Batch>(system.apiUrl, id, ({ sluice }) => sluice.paused);
    assert.match(paused.sluice.paused_reason, /max_cost_usd reached: .* of 0.01; POST .*resume/);
    const again = (await ask(`POST /v1/batches/${id}/pause`)).json.sluice;
    assert.equal(again.paused_reason, paused.sluice.paused_reason);
    assert.match(again.waiting.reason, /without that limit, or with a higher one .* max_cost_usd$/);
    const low = await ask(`POST /v1/batches/${id}/resume`, { max_cost_usd: 0.01 });
    assert.match(low.json.error.message, /found 0\.01; allowed: more than 0\.01/);
    const raised = await ask(`POST /v1/batches/${id}/resume`, { max_cost_usd: 0.02 });
    assert.deepEqual([raised.status, raised.json.sluice.max_cost_usd], [200, 0.02]);
    const { sluice } = await batchWhen<Batch>(system.apiUrl, id, (seen) => seen.sluice.paused);
    assert.match(sluice.paused_reason, /max_cost_usd reached: .* of 0.02;/);
    const spent = Number(/reached: ([\d.]+)/.exec(sluice.paused_reason)?.[1]);
    assert.ok(spent < 0.021, `${spent}`);
    const resumed = await ask(`POST /v1/batches/${id}/resume`);
    assert.deepEqual([resumed.status, resumed.json.sluice.max_cost_usd], [200, null]);
    const batch = await endOfBatch(system.apiUrl, id);
    assert.deepEqual([batch.status, batch.request_counts.completed], ['completed', 6_000]);
  });

  test('that its owner paused keeps its max_cost_usd when it is resumed, and pauses there where that is spent', async () => {
    await system.simulate('two', { faults: [{ kind: 'hang' }] });
    const query = 'max_cost_usd=50';
    const { id } = await postBatch(system.apiUrl, lines('hanging', 2_000), { query });
    await until('calls to hang', async () => (await account('two')).open >= 8);
    const own = (await ask(`POST /v1/batches/${id}/pause`)).json.sluice;
    assert.equal(own.paused_reason, null);
    assert.match(own.waiting.reason, /goes on with it$/);
    // What was under way was dear.
    const key = (await redis.keys(`*:batch:${id}`))[0] as string;
    await redis.hset(key, 'cost', 51);
    assert.match(
      (await get(`/v1/batches/${id}`)).sluice.waiting.reason,
      /paused at its max_cost_usd, which is spent \(51\.0000 of 50\)/,
    );
    const { max_cost_usd: most } = (await ask(`POST /v1/batches/${id}/resume`)).json.sluice;
    assert.equal(most, 50);
    const seen = await batchWhen<Batch>(system.apiUrl, id, ({ sluice }) => sluice.paused);
    assert.match(seen.sluice.paused_reason, /^max_cost_usd reached: 51\.0000 of 50/);
    const leave = (await ask(`POST /v1/batches/${id}/resume`)).json.sluice;
    assert.deepEqual([leave.paused, leave.max_cost_usd], [false, null]);
    await ask(`POST /v1/batches/${id}/cancel`);
    await endOfBatch<Batch>(system.apiUrl, id, { status: 'cancelled' });
    await system.simulate('two', { faults: [] });
  });

  test('a ceiling that one line passes lets one line through, and an ended batch is not paused', async () => {
    const query = 'max_cost_usd=0.000001';
    const { id } = await postBatch(system.apiUrl, lines('fast', 50), { query });
    await batchWhen<Batch>(system.apiUrl, id, ({ sluice }) => sluice.paused);
    const { request_counts: counts, sluice } = await get(`/v1/batches/${id}`);
    assert.deepEqual([counts.completed, sluice.running], [1, 0]);
    await ask(`POST /v1/batches/${id}/cancel`);
    const ended = await endOfBatch<Batch>(system.apiUrl, id, { status: 'cancelled' });
    assert.deepEqual([ended.sluice.paused, ended.sluice.paused_reason], [false, null]);
  });
});

describe('a job', () => {
  test('in flight elsewhere is aborted; queued it is never called', async () => {
    await system.simulate('two', { faults: [{ kind: 'hang' }] });
    const open = await ask('POST /v1/jobs', { model: 'hanging', body: chat('x') });
    await until('its call to hang', async () => (await account('two')).open === 1);
    assert.equal((await ask(`POST /v1/jobs/${open.json.id}/cancel`)).json.status, 'cancelled');
    await until('its call to be aborted', async () => (await account('two')).open === 0);
    await until(
      'its attempt to be kept',
      async () => (await get(`/v1/jobs/${open.json.id}`)).attempts.length === 1,
    );
    const { calls } = await account('two');
    await ask('PATCH /admin/deployments/slow', { state: 'paused' });
    const queued = await ask('POST /v1/jobs', { model: 'hanging', body: chat('y') });
    assert.equal((await ask(`POST /v1/jobs/${queued.json.id}/cancel`)).json.status, 'cancelled');
    const late = await ask('POST /v1/jobs', {
      model: 'hanging',
      body: chat('z'),
      deadline_ms: 1_000,
    });
    const expired = await get(`/v1/jobs/${late.json.id}?wait_ms=20000`);
    assert.deepEqual([expired.status, expired.error.code], ['expired', 'expired']);
    await ask('PATCH /admin/deployments/slow', { state: null });
    await system.simulate('two', { faults: [] });
    const next = await ask('POST /v1/jobs', { model: 'hanging', body: chat('next') });
    assert.equal((await get(`/v1/jobs/${next.json.id}?wait_ms=20000`)).status, 'succeeded');
    assert.equal((await account('two')).calls, calls + 1);
  });

  test('is aborted also where the word of its cancellation is lost', async () => {
    await system.simulate('two', { faults: [{ kind: 'hang' }] });
    const { json } = await ask('POST /v1/jobs', { model: 'hanging', body: chat('deaf') });
    await until('its call to hang', async () => (await account('two')).open === 1);
    const key = (await redis.keys(`*:job:${json.id}`))[0] as string;
    // As the script that cancels does, but for telling anyone.
    await redis.hset(key, { status: 'cancelled', ended: Date.now(), lease: '0' });
    await until('its call to be aborted', async () => (await account('two')).open === 0);
    await system.simulate('two', { faults: [] });
  });

  test('is followed by events until it ends', async () => {
    const { json } = await ask('POST /v1/jobs', { model: 'fast', body: chat('followed') });
    const text = await (await fetch(`${system.apiUrl}/v1/jobs/${json.id}/events`)).text();
    assert.match(text, /event: job\.succeeded\n/);
  });

  test('pages of the list neither skip nor repeat while jobs are added', async () => {
    const metadata = { run: 'paged' };
    const add = () => ask('POST /v1/jobs', { model: 'fast', body: chat('p'), metadata });
    const first = await Promise.all(Array.from({ length: 40 }, add));
    const seen: string[] = [];
    let next = '';
    do {
      const [page] = await Promise.all([
        get(`/v1/jobs?metadata[run]=paged&limit=7${next}`),
        ...Array.from({ length: 5 }, add),
      ]);
      seen.push(...page.data.map(({ id }: { id: string }) => id));
      next = page.has_more ? `&after=${page.last_id}` : '';
    } while (next !== '');
    assert.equal(new Set(seen).size, seen.length);
    for (const { json } of first) assert.ok(seen.includes(json.id));
  });
});
