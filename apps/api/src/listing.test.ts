import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { makeId } from '@sluice/job';
import { acceptJob } from '@sluice/ledger';
import type { NewJob } from '@sluice/ledger';
import { chat, startTestApi } from './test-api.ts';
import type { TestApi } from './test-api.ts';

const TENANTS = `
tenants:
  small: { api_keys: [key-small] }
  big: { api_keys: [key-big] }
admin: { api_keys: [key-admin] }
`;
/** More than a page ever looks at before it answers with what it has. */
const FLOOD = 20_500;
const START = Date.now() - 100_000;

let api: TestApi;
let smallJob: string;
before(async () => {
  api = await startTestApi({ config: TENANTS });
  smallJob = (await as('small', 'POST /v1/jobs', { model: 'fast', body: chat() })).id;
  for (let from = 0; from < FLOOD; from += 500)
    await Promise.all(Array.from({ length: 500 }, (_, i) => accept(from + i)));
});
after(() => api.stop());

const bigJobs: string[] = [];

/** The n-th job of the flood, behind everybody's. */
async function accept(n: number): Promise<void> {
  const id = makeId('job', randomBytes(16));
  bigJobs[n] = id;
  const createdAt = START + n;
  const job: NewJob = {
    id,
    tenant: 'big',
    pool: 'fast',
    model: n === 1 ? 'smart' : 'fast',
    endpoint: '/v1/chat/completions',
    priority: 'low',
    createdAt,
    deadlineAt: createdAt + 86_400_000,
    body: '{}',
    shape: { characters: 1, maxOutput: null, inputs: 1 },
    formats: 1,
    maxTier: null,
    affinityKey: null,
    webhookUrl: null,
    metadata: n === 0 || n === FLOOD - 1 ? { edge: 'yes', 'λ"': '\ud800' } : { edge: 'no' },
    retryOf: null,
  };
  await acceptJob(api.ledger, job, { checkAt: job.deadlineAt, idempotency: null });
}

async function as(tenant: string, line: string, body?: unknown) {
  const headers = { authorization: `Bearer key-${tenant}` };
  const { json, status, text } = await api.call(line, body, headers);
  assert.ok(status < 300, `${status} ${text}`);
  return json;
}

interface Page {
  data: { id: string }[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

/** As the official clients walk: behind the last object of each page, until a page is empty or the last. */
async function walk(tenant: string, query: string): Promise<{ ids: string[]; pages: number }> {
  const ids: string[] = [];
  for (let pages = 1, cursor = ''; ; pages++) {
    const page = (await as(tenant, `GET /v1/jobs?${query}${cursor}`)) as Page;
    const found = page.data.map(({ id }) => id);
    assert.deepEqual([page.first_id, page.last_id], [found[0] ?? null, found.at(-1) ?? null]);
    ids.push(...found);
    if (found.length === 0 || !page.has_more) return { ids, pages };
    cursor = `&after=${found.at(-1)}`;
  }
}

const countCommands = async (): Promise<number> =>
  Number(/total_commands_processed:(\d+)/.exec(await api.ledger.redis.info('stats'))?.[1]);

async function commandsOf(doing: () => Promise<unknown>): Promise<number> {
  const begun = await countCommands();
  await doing();
  return (await countCommands()) - begun;
}

test('a tenant’s list is found beside another’s flood, and costs what it has itself', async () => {
  const commands = await commandsOf(async () => {
    assert.deepEqual(await walk('small', 'limit=20'), { ids: [smallJob], pages: 1 });
  });
  assert.ok(commands < 150, `${commands} commands`);
  assert.deepEqual((await walk('small', 'status=failed')).ids, []);
});

const generic = (text: string): string => text.replaceAll(/job_[0-9a-f]{32}/g, 'job_x');

test('another tenant’s job is no cursor', async () => {
  const headers = { authorization: 'Bearer key-small' };
  const foreign = await api.call(`GET /v1/jobs?after=${bigJobs[7]}`, undefined, headers);
  const unknown = await api.call(`GET /v1/jobs?after=job_${'0'.repeat(32)}`, undefined, headers);
  assert.deepEqual([foreign.status, foreign.json.error.param], [400, 'after']);
  assert.equal(generic(foreign.text), generic(unknown.text), 'as one that never was');
});

test('a filter that passes over thousands never answers an empty page with more behind it', async () => {
  const edges = [bigJobs[FLOOD - 1], bigJobs[0]];
  assert.deepEqual((await walk('big', 'metadata[edge]=yes')).ids, edges);
  assert.deepEqual((await walk('big', 'metadata[edge]=yes&limit=1')).ids, edges);
  assert.deepEqual(await walk('big', 'model=smart'), { ids: [bigJobs[1]], pages: 1 });
  assert.deepEqual(await walk('big', 'status=failed'), { ids: [], pages: 1 });
  assert.deepEqual((await walk('big', 'model=smart&metadata[edge]=yes')).ids, []);
});

test('metadata that no other reader takes hides no job', async () => {
  const odd = `${encodeURIComponent('metadata[λ"]')}=${encodeURIComponent('\ufffd')}`;
  assert.deepEqual((await walk('big', odd)).ids, []);
  assert.equal((await walk('big', 'metadata[edge]=yes')).ids.length, 2);
});

test('rows of jobs that have lapsed are passed over', async () => {
  const gone = bigJobs.slice(3_000, 6_000);
  await api.ledger.redis.unlink(gone.map((id) => api.ledger.keys.job(id)));
  const page = (await as('big', `GET /v1/jobs?limit=2&after=${bigJobs[6_001]}`)) as Page;
  assert.deepEqual(
    page.data.map(({ id }) => id),
    [bigJobs[6_000], bigJobs[2_999]],
  );
});

test('whoever may see everything gets the lists of all as one', async () => {
  const page = (await as('admin', 'GET /v1/jobs?limit=2')) as Page;
  assert.deepEqual(
    page.data.map(({ id }) => id),
    [smallJob, bigJobs[FLOOD - 1]],
  );
  const next = (await as('admin', `GET /v1/jobs?limit=1&after=${page.data[1]?.id}`)) as Page;
  assert.deepEqual([next.data[0]?.id, next.has_more], [bigJobs[FLOOD - 2], true]);
});

const sdk = (tenant: string): OpenAI =>
  new OpenAI({ baseURL: `${api.url}/v1`, apiKey: `key-${tenant}`, maxRetries: 0 });

const upload = (client: OpenAI, text: string) =>
  client.files.create({ file: new File([text], 'a.jsonl'), purpose: 'batch' });

const LINE =
  '{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"fast","messages":[]}}\n';

test('files, batches and receivers of others are in no page and no cursor; a deleted one is gone', async () => {
  const [small, big] = [sdk('small'), sdk('big')];
  const mine = await upload(small, LINE);
  const endpoint = { name: 'e', url: 'http://127.0.0.1:9/', event_types: ['job.succeeded'] };
  const receiver = await as('small', 'POST /v1/webhook_endpoints', endpoint);
  const asked = { endpoint: '/v1/chat/completions', completion_window: '24h' } as const;
  const batch = await small.batches.create({ input_file_id: mine.id, ...asked });
  for (let i = 0; i < 3; i++) {
    const { id } = await upload(big, LINE);
    await big.batches.create({ input_file_id: id, ...asked });
    await as('big', 'POST /v1/webhook_endpoints', endpoint);
  }
  const spare = await upload(small, LINE);
  await small.files.delete(spare.id);
  for (const [path, id] of [
    ['files', mine.id],
    ['batches', batch.id],
    ['webhook_endpoints', receiver.id],
  ]) {
    const page = await as('small', `GET /v1/${path}?limit=1`);
    assert.deepEqual(
      [page.data.map((one: { id: string }) => one.id), page.first_id, page.last_id, page.has_more],
      [[id], id, id, false],
      path,
    );
    assert.equal((await as('admin', `GET /v1/${path}`)).data.length, 4, path);
  }
});
