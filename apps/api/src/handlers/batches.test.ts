import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import OpenAI5 from 'openai-5';
import { moveBatch, readBatch } from '@sluice/ledger';
import type { BatchStatus } from '@sluice/ledger';
import { startTestApi } from '../test-api.ts';
import type { TestApi } from '../test-api.ts';

let api: TestApi;
let client: OpenAI;
before(async () => {
  api = await startTestApi();
  client = new OpenAI({ baseURL: `${api.url}/v1`, apiKey: 'any', maxRetries: 0 });
});
after(() => api.stop());

const line = (id: string): string =>
  `{"custom_id":"${id}","method":"POST","url":"/v1/chat/completions","body":{"model":"fast","messages":[]}}\n`;
const LINES = ['a', 'b', 'c'].map(line).join('');

async function upload(purpose: 'batch' | 'user_data' = 'batch'): Promise<string> {
  const file = await toFile(Buffer.from(LINES), 'in.jsonl');
  return (await client.files.create({ file, purpose })).id;
}

const order = (id: string, change: object = {}) => ({
  input_file_id: id,
  endpoint: '/v1/chat/completions' as const,
  completion_window: '24h' as const,
  ...change,
});

test('a batch has every field of OpenAI’s object, and what Sluice adds', async () => {
  const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`, 'v']));
  const expiry = { anchor: 'created_at' as const, seconds: 3600 };
  const id = await upload();
  const batch = await client.batches.create(order(id, { metadata, output_expires_after: expiry }));
  const { sluice, ...rest } = batch as typeof batch & { sluice: object };
  assert.deepEqual(
    { ...rest },
    {
      id: batch.id,
      object: 'batch',
      endpoint: '/v1/chat/completions',
      model: null,
      errors: null,
      input_file_id: id,
      completion_window: '24h',
      status: 'validating',
      output_file_id: null,
      error_file_id: null,
      created_at: batch.created_at,
      in_progress_at: null,
      expires_at: batch.created_at + 86_400,
      finalizing_at: null,
      completed_at: null,
      failed_at: null,
      expired_at: null,
      cancelling_at: null,
      cancelled_at: null,
      request_counts: { total: 0, completed: 0, failed: 0 },
      usage: {
        input_tokens: 0,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: 0,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: 0,
      },
      metadata,
    },
  );
  assert.deepEqual(sluice, {
    tenant: 'default',
    priority: 'low',
    paused: false,
    paused_reason: null,
    eta_at: null,
    deadline: null,
    ideal_ms: null,
    cost_usd: 0,
    unanswered_calls: 0,
    max_cost_usd: null,
    max_cost_hint: null,
    cost_estimate_usd: null,
    cost_range_usd: null,
    queued: 0,
    running: 0,
    by_deployment: {},
    by_pool: {},
    blocked: [],
    waiting: null,
    retry_of: null,
  });
  assert.equal((await readBatch(api.ledger, batch.id))?.outputExpiresAfter, 3600);
  const old = new OpenAI5({ baseURL: `${api.url}/v1`, apiKey: 'any', maxRetries: 0 });
  assert.equal((await old.batches.retrieve(batch.id)).id, batch.id);
});

test('what goes beyond OpenAI is kept', async () => {
  const more = {
    completion_window: '90m',
    priority: 'normal',
    webhook_url: 'http://127.0.0.1:9/hook',
    max_tier: 1,
    max_cost_usd: 2.5,
  };
  const { status, json } = await api.call('POST /v1/batches', order(await upload(), more));
  assert.equal(status, 200);
  assert.equal(json.expires_at, json.created_at + 90 * 60);
  assert.equal(json.sluice.max_cost_usd, 2.5);
  const stored = await readBatch(api.ledger, json.id);
  assert.equal(stored?.webhookUrl, more.webhook_url);
  assert.deepEqual([stored?.maxTier, stored?.maxCostUsd, stored?.priority], [1, 2.5, 'normal']);
});

test('mistakes are refused at once and name the field', async () => {
  const id = await upload();
  const seventeen = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v']));
  const bad: [object, string, RegExp][] = [
    [{ input_file_id: undefined }, 'input_file_id', /Missing required parameter: 'input_file_id'/],
    [{ endpoint: undefined }, 'endpoint', /Missing/],
    [{ completion_window: undefined }, 'completion_window', /Missing/],
    [{ endpoint: '/v1/images' }, 'endpoint', /"\/v1\/images".*\/v1\/responses/],
    [{ completion_window: '1y' }, 'completion_window', /"1y".*24h/],
    [{ completion_window: '0h' }, 'completion_window', /"0h"/],
    [{ metadata: seventeen }, 'metadata', /at most 16 pairs/],
    [{ metadata: { a: 'x'.repeat(513) } }, 'metadata.a', /at most 512/],
    [
      { output_expires_after: { anchor: 'created_at', seconds: 1 } },
      'output_expires_after.seconds',
      /3600/,
    ],
    [{ input_file_id: 'file-1' }, 'input_file_id', /cannot find file "file-1"/],
    [
      { input_file_id: await upload('user_data') },
      'input_file_id',
      /"user_data", allowed: "batch"/,
    ],
    [{ webhook_url: 'http://example.com', max_tier: 0 }, 'max_tier', /at least 1/],
    [{ max_tier: 3 }, 'max_tier', /found 3; allowed: 1 to 2; fast has 2 tiers\.$/],
    [{ max_cost_usd: -1 }, 'max_cost_usd', /-1/],
    [{ completion_windw: '24h' }, 'completion_windw', /Known here/],
  ];
  const newest = (await api.call('GET /v1/batches')).json.first_id;
  for (const [change, param, message] of bad) {
    const { status, json } = await api.call('POST /v1/batches', order(id, change));
    assert.equal(status, 400, JSON.stringify(change));
    assert.equal(json.error.param, param);
    assert.match(json.error.message, message);
  }
  assert.equal((await api.call('GET /v1/batches')).json.first_id, newest);
  const empty = await api.call('POST /v1/batches');
  assert.match(empty.json.error.message, /found nothing; allowed: a JSON object/);
});

test('JSON lines in the body make file and batch in one call, once per key', async () => {
  const type = { 'content-type': 'application/jsonl' };
  const query = 'completion_window=2h&priority=normal&metadata[a]=b&max_cost_usd=1.5';
  const send = (text: string, more = {}) =>
    api.call(`POST /v1/batches?${query}`, text, { ...type, ...more });
  const { status, json } = await send(LINES);
  assert.equal(status, 200);
  assert.equal(json.endpoint, '/v1/chat/completions');
  assert.deepEqual(json.metadata, { a: 'b' });
  assert.equal((await api.call(`GET /v1/files/${json.input_file_id}/content`)).text, LINES);
  const key = { 'idempotency-key': 'direct' };
  const first = await send(LINES, key);
  const stored = api.stored().length;
  assert.equal((await send(LINES, key)).json.id, first.json.id);
  assert.equal((await send(`${LINES}\n`, key)).status, 409);
  for (const text of ['', '\n\n', 'hello', '{"url":"/v1/x"}']) {
    assert.equal((await send(text)).status, 400, text);
  }
  assert.equal(api.stored().length, stored);
});

const withCeiling = (usd: string) =>
  api.call(`POST /v1/batches?max_cost_usd=${usd}`, LINES, {
    'content-type': 'application/jsonl',
  });

test('a ceiling in the query is any finite number above 0, as in JSON', async () => {
  for (const usd of ['1e-12', '1E308', '2', '007.50', '.5', '123456789012345.5']) {
    const { status, json } = await withCeiling(usd);
    assert.deepEqual([status, json.sluice?.max_cost_usd], [200, Number(usd)], usd);
  }
  for (const usd of ['0', '0e5', '1e309', '1e-400', '-1', '0x10', 'Infinity', '', '.', '1e']) {
    const { status, json } = await withCeiling(usd);
    assert.deepEqual([status, json.error?.param], [400, 'max_cost_usd'], usd);
    assert.match(json.error.message, /allowed: a finite number above 0/);
  }
});

test('a first line that cannot be read is refused with its number and what is wrong with it', async () => {
  const headers = { 'content-type': 'application/jsonl' };
  const { maxBodyBytes: most } = api.settings.server;
  const bad: [string, RegExp][] = [
    [`\n\n${LINES.slice(1)}`, /line 3 is no JSON object/],
    ['[{"url": "/v1/chat/completions"}]\n', /line 1 is an array, not an object/],
    ['\nnull\n', /line 2 is null, not an object/],
    ['"secret"\n', /line 1 is a string, not an object/],
    ['id,question\n1,why\n', /line 1 is no JSON object\. .*README\.md shows how a CSV becomes/],
    [
      line('a'.repeat(most)),
      new RegExp(`line 1 has ${most + line('').length - 1} bytes; at most ${most} are`),
    ],
  ];
  for (const [text, reason] of bad) {
    const { status, json } = await api.call('POST /v1/batches', text, headers);
    assert.equal(status, 400);
    assert.match(json.error.message, reason);
  }
});

test('cancelling moves it once; an ended batch is a conflict', async () => {
  const { id } = await client.batches.create(order(await upload()));
  assert.equal((await client.batches.cancel(id)).status, 'cancelling');
  assert.equal((await client.batches.cancel(id)).status, 'cancelling');
  await moveBatch(api.ledger, id, { from: ['cancelling'], to: 'cancelled' });
  await assert.rejects(client.batches.cancel(id), /409.*cancelled/);
  const done = await client.batches.create(order(await upload()));
  await moveBatch(api.ledger, done.id, { from: ['validating'], to: 'failed' });
  const late = await api.call(`POST /v1/batches/${done.id}/cancel`);
  assert.equal(late.status, 409);
  assert.equal(late.headers.get('x-should-retry'), 'false');
});

test('a batch is paused and resumed', async () => {
  const { id } = await client.batches.create(order(await upload()));
  assert.equal((await api.call(`POST /v1/batches/${id}/pause`)).json.sluice.paused, true);
  assert.equal((await api.call(`POST /v1/batches/${id}/resume`)).json.sluice.paused, false);
});

test('only a resume of what is paused at its ceiling drops that, and a pause does not hide it', async () => {
  const { id } = await client.batches.create(order(await upload(), { max_cost_usd: 2 }));
  const act = async (what: 'pause' | 'resume') =>
    (await api.call(`POST /v1/batches/${id}/${what}`)).json.sluice;
  const set = { cost: 3, paused: '1', paused_reason: 'max_cost_usd reached' };
  await moveBatch(api.ledger, id, { from: ['validating'], to: 'in_progress', set: { cost: 3 } });
  assert.equal((await act('pause')).paused_reason, null);
  const kept = await act('resume');
  assert.deepEqual([kept.paused, kept.max_cost_usd], [false, 2]);
  await moveBatch(api.ledger, id, { from: ['in_progress'], set });
  assert.equal((await act('pause')).paused_reason, set.paused_reason);
  const dropped = await act('resume');
  assert.deepEqual(
    [dropped.paused, dropped.paused_reason, dropped.max_cost_usd],
    [false, null, null],
  );
  await moveBatch(api.ledger, id, { from: ['in_progress'], to: 'cancelled' });
});

test('a resume that is sent again with its key lifts no ceiling that was reached in between', async () => {
  const { id } = await client.batches.create(order(await upload(), { max_cost_usd: 2 }));
  const resume = (key: string) =>
    api.call(`POST /v1/batches/${id}/resume`, undefined, { 'idempotency-key': key });
  await api.call(`POST /v1/batches/${id}/pause`);
  const first = await resume('one');
  assert.deepEqual([first.status, first.json.sluice.paused], [200, false]);
  assert.equal(first.headers.get('idempotent-replayed'), null);
  const set = { cost: 3, paused: '1', paused_reason: 'max_cost_usd reached' };
  await moveBatch(api.ledger, id, { from: ['validating'], to: 'in_progress', set });
  const repeated = await resume('one');
  assert.equal(repeated.headers.get('idempotent-replayed'), 'true');
  const { paused, paused_reason: why, max_cost_usd: most } = repeated.json.sluice;
  assert.deepEqual([repeated.status, paused, why, most], [200, true, set.paused_reason, 2]);
  const leave = (await resume('two')).json.sluice;
  assert.deepEqual([leave.paused, leave.max_cost_usd], [false, null]);
  await moveBatch(api.ledger, id, { from: ['in_progress'], to: 'cancelled' });
  assert.deepEqual([(await resume('two')).status, (await resume('three')).status], [200, 409]);
});

test('a resume gives a new ceiling, or takes it away, whoever paused it', async () => {
  const { id } = await client.batches.create(order(await upload(), { max_cost_usd: 2 }));
  const resume = (body?: unknown) => api.call(`POST /v1/batches/${id}/resume`, body);
  const most = async (body?: unknown) => {
    const { paused, paused_reason: why, max_cost_usd: usd } = (await resume(body)).json.sluice;
    return [paused, why, usd];
  };
  const spend = (cost: number) =>
    moveBatch(api.ledger, id, {
      from: ['validating', 'in_progress'],
      to: 'in_progress',
      set: {
        cost,
        paused: '1',
        paused_reason: 'max_cost_usd reached',
        paid_lines: 1,
        unpaid_at: '["x"]',
      },
    });
  await spend(2.5);
  for (const found of [2.5, 2, 0, -1, '3', [3]]) {
    const { status, json } = await resume({ max_cost_usd: found });
    assert.deepEqual([status, json.error.param], [400, 'max_cost_usd'], String(found));
  }
  assert.match(
    (await resume({ max_cost_usd: 2 })).json.error.message,
    /found 2; .* more than 2\.5/,
  );
  assert.equal((await readBatch(api.ledger, id))?.paused, true);
  assert.deepEqual(await most({ max_cost_usd: 3 }), [false, null, 3]);
  const { paidLines, unpaidAt } = (await readBatch(api.ledger, id)) ?? assert.fail();
  assert.deepEqual([paidLines, unpaidAt], [null, []], 'that was of the one before');
  assert.deepEqual(await most({ max_cost_usd: 4 }), [false, null, 4], 'also while it runs');
  await api.call(`POST /v1/batches/${id}/pause`);
  assert.deepEqual(await most({}), [false, null, 4]);
  await api.call(`POST /v1/batches/${id}/pause`);
  assert.deepEqual(await most({ max_cost_usd: null }), [false, null, null]);
  await api.call(`POST /v1/batches/${id}/pause`);
  assert.deepEqual(await most({ max_cost_usd: 5 }), [false, null, 5]);
  await spend(5);
  assert.deepEqual(await most({}), [false, null, null]);
  await moveBatch(api.ledger, id, { from: ['in_progress'], to: 'cancelled' });
  const late = await resume({ max_cost_usd: 1 });
  assert.deepEqual([late.status, late.json.error.code], [409, 'wrong_state']);
});

test('a new ceiling sent again with its key is given once, and with another it is a conflict', async () => {
  const { id } = await client.batches.create(order(await upload(), { max_cost_usd: 2 }));
  const resume = (usd?: number) =>
    api.call(
      `POST /v1/batches/${id}/resume`,
      usd === undefined ? undefined : { max_cost_usd: usd },
      { 'idempotency-key': 'more' },
    );
  assert.equal((await resume(3)).json.sluice.max_cost_usd, 3);
  const set = { cost: 3.5, paused: '1', paused_reason: 'max_cost_usd reached' };
  await moveBatch(api.ledger, id, { from: ['validating'], to: 'in_progress', set });
  const again = await resume(3);
  assert.equal(again.headers.get('idempotent-replayed'), 'true');
  const { paused, max_cost_usd: most } = again.json.sluice;
  assert.deepEqual([again.status, paused, most], [200, true, 3]);
  for (const other of [4, undefined])
    assert.equal((await resume(other)).json.error.code, 'idempotency_conflict');
  assert.equal((await readBatch(api.ledger, id))?.maxCostUsd, 3);
  await moveBatch(api.ledger, id, { from: ['in_progress'], to: 'cancelled' });
});

const classes = (pool: string): string =>
  JSON.stringify([{ pool, formats: 1, shape: '1.1', jobs: 3 }]);

test('a new ceiling that knows the cost of none of its lines is refused', async () => {
  const { id } = await client.batches.create(order(await upload()));
  const give = () => api.call(`POST /v1/batches/${id}/resume`, { max_cost_usd: 1 });
  await moveBatch(api.ledger, id, { from: ['validating'], set: { classes: classes('smart') } });
  const { status, json } = await give();
  assert.deepEqual([status, json.error.param], [400, 'max_cost_usd']);
  assert.match(json.error.message, /no deployment that its lines may go to has a price/);
  await moveBatch(api.ledger, id, { from: ['validating'], set: { classes: classes('fast') } });
  assert.equal((await give()).json.sluice.max_cost_usd, 1);
});

test('what steers a batch passes over no field that it does not know', async () => {
  const { id } = await client.batches.create(order(await upload()));
  const call = (what: string, body: unknown) => api.call(`POST /v1/batches/${id}/${what}`, body);
  const odd = { max_cost_usdd: 1 };
  for (const [what, known] of [
    ['pause', 'none'],
    ['resume', 'max_cost_usd'],
    ['cancel', 'none'],
    ['retry', 'none'],
  ] as const) {
    const { status, json } = await call(what, odd);
    assert.deepEqual([status, json.error.code], [400, 'unknown_parameter'], what);
    assert.match(json.error.message, new RegExp(`'max_cost_usdd'. Known here: ${known}\\.$`));
    assert.equal((await call(what, '[]')).status, 400, what);
  }
  assert.deepEqual((await readBatch(api.ledger, id))?.status, 'validating');
  for (const what of ['pause', 'resume', 'cancel'])
    for (const body of ['', '{}', undefined])
      assert.equal((await call(what, body)).status, 200, `${what} ${body}`);
  const old = new OpenAI5({ baseURL: `${api.url}/v1`, apiKey: 'any', maxRetries: 0 });
  assert.equal((await old.batches.cancel(id)).status, 'cancelling');
});

test('lists page newest first, as the client pages', async () => {
  const ids: string[] = [];
  for await (const batch of client.batches.list({ limit: 2 })) ids.push(batch.id);
  assert.equal(new Set(ids).size, ids.length);
  const all = (await api.call('GET /v1/batches?limit=100')).json;
  assert.deepEqual(
    all.data.map(({ id }: { id: string }) => id),
    ids,
  );
  assert.equal(all.has_more, false);
});

const make = async () => (await client.batches.create(order(await upload()))).id;

test('lists filter by the status that is shown', async () => {
  const [running, late, other, ended] = [await make(), await make(), await make(), await make()];
  const to = (id: string, status: BatchStatus) =>
    moveBatch(api.ledger, id, { from: ['validating'], to: status });
  await to(running, 'in_progress');
  await to(late, 'expiring');
  await to(ended, 'completed');
  const found = async (query: string): Promise<string[]> =>
    (await api.call(`GET /v1/batches?${query}`)).json.data.map(({ id }: { id: string }) => id);
  assert.deepEqual(await found('status=in_progress'), [late, running]);
  assert.deepEqual(await found('status=in_progress&limit=1'), [late]);
  assert.deepEqual(await found(`status=in_progress&limit=1&after=${late}`), [running]);
  assert.deepEqual(await found('status=completed'), [ended]);
  assert.ok((await found('status=validating')).includes(other));
  const { status, json } = await api.call('GET /v1/batches?status=expiring');
  assert.deepEqual([status, json.error.param], [400, 'status']);
  assert.match(json.error.message, /"expiring".*in_progress/);
});

test('unknown batches are 404', async () => {
  const id = `batch_${'0'.repeat(32)}`;
  for (const [method, path] of [
    ['GET', ''],
    ['POST', '/cancel'],
    ['POST', '/pause'],
    ['POST', '/retry'],
    ['GET', '/results'],
    ['GET', '/events'],
  ]) {
    assert.equal((await api.call(`${method} /v1/batches/${id}${path}`)).status, 404);
  }
});
