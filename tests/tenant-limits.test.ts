/** A tenant's own limits are in what it is told: of a dry run, of a batch as it runs, and of a job that waits. They hold it up no more than they say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  System,
  batchWhen,
  chatBody,
  chatLines,
  endOfBatch,
  postBatch,
  until,
} from '@sluice/testing';
import type { SeenBatch } from '@sluice/testing';

interface Told {
  id: string;
  status: string;
  eta_at: number;
  request_counts: { completed: number };
  deadline: { meets: boolean; late_by_ms: number };
  sluice: {
    eta_at: number | null;
    deadline: { meets: boolean } | null;
    waiting: { reason: string } | null;
  };
}

interface Job {
  id: string;
  status: string;
  waiting?: { reason: string; deployments: unknown[] };
}

const LINES = 300;

const linesOf = (count: number): string =>
  chatLines(count, (i) => chatBody(`q ${i}`, { model: 'fast', max_tokens: 8 }));

const secondsTo = (at: number | null): number => (at ?? 0) - Date.now() / 1_000;

const REQUEST = { max_tokens: 8, messages: [{ role: 'user', content: 'q' }] };

async function jobCall(system: System, key: string, path: string, order?: object): Promise<Job> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const request = order ? { method: 'POST', headers, body: JSON.stringify(order) } : { headers };
  return (await (await fetch(`${system.apiUrl}/v1/jobs${path}`, request)).json()) as Job;
}

interface One {
  /** Of the deployment, as the config has it. */
  rpm?: number;
  /** As the config has it; '' = there are none. */
  tenants?: string;
  /** How the provider behaves. */
  account: object;
}

/** One deployment; it is stopped with the test. */
async function startOne(
  t: { after: (end: () => Promise<void>) => void },
  { rpm = 60_000, tenants = '', account }: One,
): Promise<System> {
  const system = await System.start({
    config: `
providers:
  one: { type: openai, base_url: "{{simulator}}/v1", api_key: one }
deployments:
  fast: { provider: one, model: m, limits: { rpm: ${rpm} } }
pools: { fast: [fast] }
${tenants}`,
    simulator: { accounts: { one: { key: 'one', format: 'openai', ...account } } },
  });
  t.after(() => system.stop());
  return system;
}

test('three hundred lines of a tenant that may send one a second take five minutes, and it is told so', async (t) => {
  const system = await startOne(t, {
    tenants: `
tenants:
  slow: { api_keys: [slow-key], limits: { rpm: 60 } }
  free: { api_keys: [free-key] }
`,
    account: { limits: { rpm: 60_000 } },
  });
  const text = linesOf(LINES);
  const call = async (key: string, path: string, body?: string): Promise<Told> => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/jsonl' };
    const request = body === undefined ? { headers } : { method: 'POST', headers, body };
    return (await (await fetch(`${system.apiUrl}/v1/batches${path}`, request)).json()) as Told;
  };
  const free = await call('free-key', '?dry_run=true&completion_window=2m', text);
  assert.equal(free.deadline.meets, true);
  const dry = await call('slow-key', '?dry_run=true&completion_window=2m', text);
  assert.equal(dry.deadline.meets, false);
  assert.ok(Math.abs(secondsTo(dry.eta_at) - LINES) < 15, `in ${secondsTo(dry.eta_at)} s`);

  const { id } = await call('slow-key', '?completion_window=2m', text);
  const running = await until('some lines are done', async () => {
    const batch = await call('slow-key', `/${id}`);
    return batch.request_counts.completed >= 5 ? batch : null;
  });
  const left = LINES - running.request_counts.completed;
  const eta = secondsTo(running.sluice.eta_at);
  assert.ok(Math.abs(eta - left) < 15, `${left} lines are left, to be done in ${eta} s`);
  assert.equal(running.sluice.deadline?.meets, false);

  const why = 'tenant slow is at its own limit rpm: allowed 60 requests per minute';
  await until('the batch says what its lines wait for', async () => {
    const { sluice } = await call('slow-key', `/${id}`);
    return sluice.waiting?.reason === why;
  });
  const jobs = await Promise.all(
    [1, 2, 3, 4, 5].map(() => jobCall(system, 'slow-key', '', { model: 'fast', body: REQUEST })),
  );
  const { waiting } = await until('a job says what it waits for', async () => {
    const now = await Promise.all(jobs.map((job) => jobCall(system, 'slow-key', `/${job.id}`)));
    return now.find((job) => job.waiting !== undefined) ?? null;
  });
  assert.deepEqual(waiting, { reason: why, deployments: [] });
});

test('a tenant with all of its calls at once failed is not held up by those that wait to be tried again', async (t) => {
  const outage = { kind: 'error', status: 503, from: 'first_call', for_ms: 1_500 };
  const system = await startOne(t, {
    tenants: 'tenants: { few: { api_keys: [few-key], limits: { concurrency: 2 } } }',
    account: { faults: [outage] },
  });
  const headers = { authorization: 'Bearer few-key' };
  const made = { query: 'completion_window=5m', headers };
  const { id } = await postBatch(system.apiUrl, linesOf(6), made);
  const done = await endOfBatch(system.apiUrl, id, { headers });
  assert.equal(done.request_counts.completed, 6);
});

test('a batch behind another of its tenant says which goes first, and so do its lines', async (t) => {
  const system = await startOne(t, { rpm: 60, account: { limits: { rpm: 600 } } });
  const { apiUrl } = system;
  const post = () => postBatch(apiUrl, linesOf(LINES), { query: 'completion_window=1h' });
  const first = await post();
  await batchWhen(apiUrl, first.id, ({ request_counts }) => request_counts.completed > 0);
  const { id } = await post();
  const { sluice } = await batchWhen<Told & SeenBatch>(
    apiUrl,
    id,
    (batch) => batch.sluice.waiting !== null,
  );
  assert.match(sluice.waiting?.reason ?? '', new RegExp(`^${first.id} of the same tenant goes`));
  const line = await fetch(`${apiUrl}/v1/jobs/${id}.${LINES}`);
  const { waiting } = (await line.json()) as Job;
  assert.deepEqual(waiting, { ...sluice.waiting, deployments: [] });
});

test('a dry run tells what max_queued would refuse', async (t) => {
  const account = { key: 'k', format: 'openai' };
  const tenants = 'tenants: { small: { api_keys: [sk-small], limits: { max_queued: 10 } } }\n';
  const system = await startOne(t, { tenants, account });
  const send = async (lines: number, query: string) => {
    const response = await fetch(`${system.apiUrl}/v1/batches?${query}`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk-small', 'content-type': 'application/jsonl' },
      body: linesOf(lines),
    });
    const json = (await response.json()) as {
      valid: boolean;
      says: string;
      errors: { data: { message: string; line: number | null }[] } | null;
    };
    return { status: response.status, json };
  };
  const { json: large } = await send(12, 'dry_run=true');
  assert.deepEqual([large.valid, large.errors?.data.length], [false, 1]);
  assert.deepEqual(large.errors?.data[0], {
    code: 'rate_limit_exceeded',
    message: '12 lines are more than max_queued 10 of tenant small: the POST answers 429.',
    param: null,
    line: null,
  });
  assert.equal((await send(12, '')).status, 429, 'as was said');
  const { json: small } = await send(10, 'dry_run=true');
  assert.deepEqual([small.valid, small.errors], [true, null], small.says);
  assert.equal((await send(10, '')).status, 200);
});
