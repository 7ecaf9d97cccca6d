/**
 * The main job, end to end, over real processes: a batch through the official clients, drained over four deployments by strict
 * limits, judged by what the simulator itself counted. The large version of it is bench/gsm8k.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI from 'openai';
import { toFile } from 'openai';
import OpenAI5 from 'openai-5';
import { System, chatBody, chatLine, rowsOf, until } from '@sluice/testing';

const CONFIG = `
providers:
  a: { type: openai, base_url: "{{simulator}}/v1", api_key: key-a }
  b: { type: openai, base_url: "{{simulator}}/v1", api_key: key-b }
  claude: { type: anthropic, base_url: "{{simulator}}", api_key: key-c }
deployments:
  a: { provider: a, model: sim, timeout_ms: 2000, limits: { rpm: 1200, tpm: 400000 }, price: { input: 1, output: 2 } }
  b: { provider: b, model: sim, timeout_ms: 2000, limits: { rpm: 900 }, budget: team, price: { input: 1, output: 2 } }
  c: { provider: claude, model: sim, timeout_ms: 2000, limits: { rpm: 900 }, budget: team, price: { input: 1, output: 2 } }
budgets:
  team: { rpm: 1200 }
pools:
  maths: { tiers: [[a, b, c]], aliases: [gpt-4o-mini] }
  only-a: [a]
webhooks: { allow: [127.0.0.0/8], allow_http: true, secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G" }
`;
const LATENCY = { first_token_ms: 60, jitter: 0.5 };
const account = (key: string, format: string, rpm: number, more = {}) => ({
  key,
  format,
  window: 'bucket_1s',
  answer: 'echo',
  limits: { rpm, ...more },
  latency: LATENCY,
});
const SIMULATOR = {
  seed: 3,
  ledger: true,
  groups: { team: { limits: { rpm: 1_200 }, window: 'bucket_1s' } },
  accounts: {
    a: account('key-a', 'openai', 1_200, { tpm: 400_000 }),
    b: { ...account('key-b', 'openai', 900), limit_group: 'team' },
    c: { ...account('key-c', 'anthropic', 900), limit_group: 'team' },
  },
};

let system: System;
let client: OpenAI;
before(async () => {
  system = await System.start({ config: CONFIG, simulator: SIMULATOR, roles: { worker: 2 } });
  client = new OpenAI({ baseURL: `${system.apiUrl}/v1`, apiKey: 'any', maxRetries: 0 });
});
after(() => system.stop());

interface Served {
  account: string;
  /** Null while the call is open. */
  end: string | null;
  key: string | null;
}

const served = (): Promise<Served[]> => system.simulatedCalls();

const forget = async (): Promise<void> => {
  await fetch(`${system.simulatorUrl}/_sim/reset`, { method: 'POST' });
};

const line = (id: string, model = 'maths'): string =>
  chatLine(id, chatBody(`question ${id}`, { model, max_tokens: 64 }));

const ENDED = new Set(['completed', 'failed', 'expired', 'cancelled']);

async function submit(lines: string[], extra: object = {}, api = client): Promise<string> {
  const file = await api.files.create({
    file: await toFile(Buffer.from(`${lines.join('\n')}\n`), 'in.jsonl'),
    purpose: 'batch',
  });
  const batch = await api.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
    ...extra,
  });
  return batch.id;
}

/** A busy Redis may take longer than a request waits: then the answer is 503, and the client asks again as it usually does. */
const retrieve = (id: string) => client.batches.retrieve(id, { maxRetries: 2 });

const ended = (id: string) =>
  until(
    `batch ${id} to end`,
    async () => {
      const batch = await retrieve(id);
      return ENDED.has(batch.status) ? batch : null;
    },
    { timeoutMs: 90_000, everyMs: 50 },
  );

interface Row {
  custom_id: string;
  response: {
    status_code: number;
    body: { choices: { message: { content: string } }[]; usage: { total_tokens: number } };
  } | null;
  error: { code: string } | null;
}

async function rowsOfFile(fileId: string | null | undefined): Promise<Row[]> {
  if (!fileId) return [];
  return rowsOf(await (await client.files.content(fileId)).text());
}

describe('a batch', () => {
  for (const [name, Client] of [
    ['6', OpenAI],
    ['5', OpenAI5],
  ] as const) {
    test(`through the official client ${name}: every line once, right answers, right sums, no 429`, async () => {
      await forget();
      const api = new Client({ baseURL: `${system.apiUrl}/v1`, apiKey: 'any' }) as OpenAI;
      const ids = Array.from({ length: 150 }, (_, i) => `v${name}-${i}`);
      const id = await submit(
        ids.map((one, i) => line(one, i % 3 === 0 ? 'gpt-4o-mini' : 'maths')),
        {},
        api,
      );
      const batch = await ended(id);
      assert.equal(batch.status, 'completed');
      assert.deepEqual(batch.request_counts, { total: 150, completed: 150, failed: 0 });
      assert.equal(batch.error_file_id, null);
      const rows = await rowsOfFile(batch.output_file_id);
      assert.deepEqual(rows.map((row) => row.custom_id).toSorted(), ids.toSorted());
      for (const row of rows) {
        assert.equal(row.response?.body.choices[0]?.message.content, `question ${row.custom_id}`);
      }
      const total = rows.reduce(
        (sum, row) => sum + (row.response?.body.usage.total_tokens ?? 0),
        0,
      );
      assert.equal(
        (batch as unknown as { usage: { total_tokens: number } }).usage.total_tokens,
        total,
      );
      const calls = await served();
      assert.equal(calls.length, 150, 'one call per line');
      assert.ok(
        calls.every((call) => call.end === 'ok'),
        'no 429, no failure',
      );
      assert.deepEqual([...new Set(calls.map((call) => call.account))].toSorted(), ['a', 'b', 'c']);
    });
  }

  test('results can be read while it runs, in an order that never changes', async () => {
    const id = await submit(Array.from({ length: 120 }, (_, i) => line(`r-${i}`)));
    const early = await until('some results', async () => {
      const text = await (await fetch(`${system.apiUrl}/v1/batches/${id}/results`)).text();
      return text.includes('\n') ? text : null;
    });
    assert.notEqual((await retrieve(id)).status, 'completed');
    const followed = await (
      await fetch(`${system.apiUrl}/v1/batches/${id}/results?follow=true`)
    ).text();
    assert.ok(followed.startsWith(early));
    const lines = rowsOf<Row & { sluice: { deployment: string; attempts: unknown[] } }>(followed);
    assert.equal(new Set(lines.map((row) => row.custom_id)).size, 120);
    assert.ok(lines.every((row) => row.sluice.attempts.length >= 1 && row.sluice.deployment));
    const tail = await (await fetch(`${system.apiUrl}/v1/batches/${id}/results?after=100`)).text();
    assert.equal(tail.split('\n').filter(Boolean).length, 20);
    assert.ok(followed.endsWith(tail));
  });

  test('mistakes in the file fail it with every line named, and nothing is called', async () => {
    await forget();
    const id = await submit([
      line('x-1'),
      line('x-2'),
      '{"custom_id": ',
      line('x-1'),
      line('x-5', 'nobody'),
    ]);
    const batch = await ended(id);
    assert.equal(batch.status, 'failed');
    const errors = batch.errors?.data?.map(({ line: number, code }) => [number, code]);
    assert.deepEqual(errors, [
      [3, 'invalid_json_line'],
      [4, 'duplicate_custom_id'],
      [5, 'model_not_found'],
    ]);
    assert.equal((await served()).length, 0);
  });

  test('cancelled in mid-run it keeps what is done and says what is not', async () => {
    const id = await submit(Array.from({ length: 400 }, (_, i) => line(`c-${i}`)));
    await until(
      'a few lines',
      async () => ((await retrieve(id)).request_counts?.completed ?? 0) > 10,
    );
    await client.batches.cancel(id);
    const batch = await ended(id);
    assert.equal(batch.status, 'cancelled');
    const done = await rowsOfFile(batch.output_file_id);
    const rest = await rowsOfFile(batch.error_file_id);
    assert.equal(done.length + rest.length, 400);
    assert.ok(rest.length > 0 && rest.every((row) => row.error?.code === 'batch_cancelled'));
    assert.equal(new Set([...done, ...rest].map((row) => row.custom_id)).size, 400);
  });

  test('paused it stops, resumed it ends', async () => {
    const id = await submit(Array.from({ length: 240 }, (_, i) => line(`p-${i}`)));
    await until(
      'it to begin',
      async () => ((await retrieve(id)).request_counts?.completed ?? 0) > 0,
    );
    const paused = await fetch(`${system.apiUrl}/v1/batches/${id}/pause`, { method: 'POST' });
    assert.equal(paused.status, 200);
    // Long enough for the leader to let go of it: nothing new for longer than it takes between two looks.
    let count = -1;
    let since = Date.now();
    await until('it to stand still', async () => {
      const { request_counts: counts } = await retrieve(id);
      if (counts?.completed !== count) since = Date.now();
      count = counts?.completed ?? 0;
      return Date.now() - since > 1_500;
    });
    assert.ok(count < 240, 'it was paused before its end');
    const resumed = await fetch(`${system.apiUrl}/v1/batches/${id}/resume`, { method: 'POST' });
    assert.equal(resumed.status, 200);
    assert.equal((await ended(id)).status, 'completed');
  });
});

describe('failures', () => {
  test('one deployment answers 500, one refuses its key, a worker dies: every line once, each repeat explained', async (t) => {
    await forget();
    t.after(async () => {
      for (const healed of ['b', 'c']) await system.simulate(healed, { faults: [] });
    });
    await system.simulate('b', { faults: [{ kind: 'error', status: 500 }] });
    await system.simulate('c', { faults: [{ kind: 'refuse_credential' }] });
    const ids = Array.from({ length: 200 }, (_, i) => `f-${i}`);
    const id = await submit(ids.map((one) => line(one)));
    await until(
      'a quarter',
      async () => ((await retrieve(id)).request_counts?.completed ?? 0) > 50,
      { timeoutMs: 60_000 },
    );
    await system.end(system.names('worker')[0] as string, 'SIGKILL');
    const batch = await ended(id);
    assert.deepEqual(batch.request_counts, { total: 200, completed: 200, failed: 0 });
    const rows = await rowsOfFile(batch.output_file_id);
    assert.deepEqual(rows.map((row) => row.custom_id).toSorted(), ids.toSorted());
    const calls = await served();
    assert.equal(calls.filter((call) => call.end === 'limited').length, 0);
    const unanswered = calls.filter((call) => call.end !== 'ok').length;
    assert.ok(calls.length - unanswered >= 200);
    const answered = new Map<string | null, number>();
    for (const call of calls)
      if (call.end === 'ok') answered.set(call.key, (answered.get(call.key) ?? 0) + 1);
    const repeated = [...answered.values()].filter((times) => times > 1).length;
    assert.ok(
      repeated <= 32,
      `${repeated} answers bought twice: at most what the dead worker had just been told`,
    );
    const { data } = (await (await fetch(`${system.apiUrl}/admin/deployments`)).json()) as {
      data: { id: string; state: string; reason: string | null; blocked: string | null }[];
    };
    const c = data.find((one) => one.id === 'c');
    assert.equal(c?.blocked, 'credential');
    assert.match(c?.reason ?? '', /refused its credential/);
    await system.launch('worker');
  });
});

const post = async (path: string, body: object, headers: Record<string, string> = {}) => {
  const response = await fetch(system.apiUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, string>,
  };
};
const chat = (content: string) => chatBody(content, { max_tokens: 20 });

describe('single jobs', () => {
  test('is accepted, run, and has its ledger of attempts', async () => {
    const accepted = await post('/v1/jobs', {
      model: 'only-a',
      body: chat('17 × 3?'),
      metadata: { run: '1' },
    });
    assert.equal(accepted.status, 202);
    const id = accepted.body['id'] as string;
    assert.equal(accepted.headers.get('location'), `/v1/jobs/${id}`);
    const job = (await (await fetch(`${system.apiUrl}/v1/jobs/${id}?wait_ms=20000`)).json()) as {
      status: string;
      attempts: { deployment: string; outcome: string; cost_usd: number }[];
      result: { status_code: number; body: { choices: { message: { content: string } }[] } };
      cost_usd: number;
    };
    assert.equal(job.status, 'succeeded');
    assert.equal(job.attempts.length, 1);
    assert.equal(job.attempts[0]?.outcome, 'ok');
    assert.equal(job.cost_usd, job.attempts[0]?.cost_usd);
    assert.equal(job.result.body.choices[0]?.message.content, '17 × 3?');
  });

  test("the synchronous endpoint answers with the provider's answer", async () => {
    const answer = await client.chat.completions.create({
      model: 'gpt-4o-mini',
      ...chat('hello there'),
    } as never);
    assert.equal(
      (answer as unknown as { choices: { message: { content: string } }[] }).choices[0]?.message
        .content,
      'hello there',
    );
  });

  test('the same Idempotency-Key makes one job', async () => {
    const body = { model: 'only-a', body: chat('once') };
    const headers = { 'idempotency-key': 'k-1' };
    const first = await post('/v1/jobs', body, headers);
    const second = await post('/v1/jobs', body, headers);
    assert.equal(first.body['id'], second.body['id']);
    const other = await post('/v1/jobs', { ...body, priority: 'low' }, headers);
    assert.equal(other.status, 409);
    assert.equal(other.headers.get('x-should-retry'), 'false');
    await fetch(`${system.apiUrl}/v1/jobs/${first.body['id'] as string}?wait_ms=20000`);
  });

  test("a provider's 400 fails the job with its answer; a cancelled job ends at once", async (t) => {
    t.after(() => system.simulate('a', { faults: [] }));
    await system.simulate('a', {
      faults: [
        { kind: 'context_too_long', match: 'far too long' },
        { kind: 'hang', match: 'wait for ever' },
      ],
    });
    const failing = await post('/v1/jobs', { model: 'only-a', body: chat('far too long') });
    const failed = (await (
      await fetch(`${system.apiUrl}/v1/jobs/${failing.body['id'] as string}?wait_ms=20000`)
    ).json()) as {
      status: string;
      error: { code: string };
      result: { status_code: number };
    };
    assert.equal(failed.status, 'failed');
    assert.equal(failed.error.code, 'context_too_long');
    assert.equal(failed.result.status_code, 400);

    const hanging = await post('/v1/jobs', { model: 'only-a', body: chat('wait for ever') });
    const id = hanging.body['id'] as string;
    await until('its call to hang', async () =>
      (await served()).some((call) => call.account === 'a' && call.end === null),
    );
    const cancelled = await post(`/v1/jobs/${id}/cancel`, {});
    assert.equal((cancelled.body as { status?: string }).status, 'cancelled');
    await until('the call to be aborted', async () =>
      (await served()).some((call) => call.end === 'aborted'),
    );
    const read = async () =>
      (await (await fetch(`${system.apiUrl}/v1/jobs/${id}`)).json()) as {
        status: string;
        attempts: { outcome: string; cost_usd: number | null }[];
      };
    await until('its attempt to be kept', async () => (await read()).attempts.length === 1);
    const { status, attempts } = await read();
    assert.deepEqual(
      [status, attempts[0]?.outcome, attempts[0]?.cost_usd],
      ['cancelled', 'lost', null],
    );
  });
});
