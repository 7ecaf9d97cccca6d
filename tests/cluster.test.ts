/**
 * A Redis Cluster of three masters: the main job's own test, then what it leaves out, then every master killed in turn in the
 * middle of a batch.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  batchWhen,
  chatBody,
  chatLines,
  endOfBatch,
  postBatch,
  rowsAt,
  startRedisCluster,
  startSink,
  System,
  until,
} from '@sluice/testing';
import type { HttpSink } from '@sluice/testing';
import { Redis } from 'ioredis';

const cluster = await startRedisCluster();
process.env['SLUICE_TEST_REDIS_URL'] = cluster.url;
await import('./main-job.test.ts');
after(() => cluster.stop());

const RPM = 3_000;
const LINES = 3_000;
const NAMES = ['a', 'b'] as const;

const configOf = (prefix: string) => ({
  config: `
providers:
${NAMES.map((name) => `  ${name}: { type: openai, base_url: "{{simulator}}/v1", api_key: ${name} }`).join('\n')}
deployments:
${NAMES.map((name) => `  ${name}: { provider: ${name}, model: m, timeout_ms: 2000, limits: { rpm: ${RPM} } }`).join('\n')}
pools: { fast: [a, b], only-a: [a] }
webhooks: { allow: [127.0.0.0/8], allow_http: true }
`,
  simulator: {
    ledger: true,
    accounts: Object.fromEntries(
      NAMES.map((key) => [
        key,
        { key, format: 'openai', window: 'bucket_1s', answer: 'echo', limits: { rpm: RPM } },
      ]),
    ),
  },
  env: { SLUICE_PREFIX: prefix },
});

let system: System;
let sink: HttpSink;

async function ask(line: string, body?: object) {
  const [method = 'GET', path = ''] = line.split(' ');
  const response = await fetch(system.apiUrl + path, {
    method,
    ...(body && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
  const text = await response.text();
  return { status: response.status, text, json: () => JSON.parse(text) as never };
}

const idOf = (n: number): string => `line-${n}`;
const chat = (content: string) => chatBody(content, { max_tokens: 9 });

const postJob = async (model: string, content: string, more: object = {}): Promise<string> => {
  const reply = await ask('POST /v1/jobs', { model, body: chat(content), ...more });
  assert.equal(reply.status, 202, reply.text);
  return (reply.json() as { id: string }).id;
};

/** Types of events told at a path, by the id of the event: a webhook comes once or more. */
const told = (path: string): Map<string, string> =>
  new Map(
    sink.requests
      .filter((request) => request.path === path)
      .map(({ headers, body }) => [
        headers['webhook-id'] ?? '',
        (JSON.parse(body) as { type: string }).type,
      ]),
  );

describe('on a Cluster', () => {
  before(async () => {
    sink = await startSink();
    system = await System.start({
      ...configOf('more'),
      roles: { api: 1, worker: 2, dispatcher: 2 },
    });
  });
  after(async () => {
    await system.stop();
    await sink.stop();
  });

  test('state stands on all masters', async () => {
    const sizes = await Promise.all(
      cluster.nodes.map(async ({ url }) => {
        const node = new Redis(url);
        const found = await node.keys('sluice:*').finally(() => node.disconnect());
        return found.length;
      }),
    );
    assert.ok(
      sizes.every((size) => size > 0),
      sizes.join(),
    );
  });

  test('a paused deployment gets nothing, its job waits; resumed it runs, and is told', async () => {
    const paused = await ask('PATCH /admin/deployments/a', { state: 'paused' });
    assert.equal(paused.status, 200, paused.text);
    const id = await postJob('only-a', 'later', { webhook_url: `${sink.url}/job` });
    const waiting = await ask(`GET /v1/jobs/${id}?wait_ms=1000`);
    assert.equal((waiting.json() as { status: string }).status, 'queued');
    assert.equal((await ask('PATCH /admin/deployments/a', { state: null })).status, 200);
    const done = await ask(`GET /v1/jobs/${id}?wait_ms=20000`);
    assert.equal((done.json() as { status: string }).status, 'succeeded');
    await until('its webhook', () => [...told('/job').values()].includes('job.succeeded'));
  });

  test('admin, usage, metrics and Bull Board answer', async () => {
    const queues = await ask('GET /admin/queues/api/queues?activeQueue=run-a');
    const { queues: shown } = queues.json() as { queues: { name: string }[] };
    assert.ok(shown.some(({ name }) => name === 'run-a'));
    for (const path of ['/admin/deployments', '/admin/budgets', '/admin/pools', '/admin/plan'])
      assert.equal((await ask(`GET ${path}`)).status, 200, path);
    const usage = await ask('GET /admin/usage?bucket=total');
    const { data } = usage.json() as { data: { results: { jobs?: number }[] }[] };
    assert.ok(data[0]?.results.length, usage.text);
    assert.match((await ask('GET /metrics')).text, /sluice_/);
    assert.equal((await ask('GET /v1/jobs')).status, 200);
  });

  test(`a batch of ${LINES} lines while every master dies in turn: each line once, told, no limit overrun`, async () => {
    const { apiUrl } = system;
    const lines = chatLines(LINES, (n) => ({ model: 'fast', ...chat(idOf(n)) }), idOf);
    const { id } = await postBatch(apiUrl, lines, { query: { webhook_url: `${sink.url}/batch` } });
    const singles: string[] = [];
    for (const [n, node] of cluster.nodes.entries()) {
      const share = (LINES * (n + 1)) / 5;
      await batchWhen(apiUrl, id, ({ request_counts: counts }) => counts.completed >= share);
      singles.push(await postJob('fast', `single ${n}`));
      process.kill(node.pid, 'SIGKILL');
      await node.restart();
    }
    const batch = await endOfBatch(apiUrl, id, { timeoutMs: 120_000, everyMs: 100 });
    assert.deepEqual(batch.request_counts, { total: LINES, completed: LINES, failed: 0 });
    const rows = await rowsAt<{ custom_id: string }>(
      `${apiUrl}/v1/files/${batch.output_file_id}/content`,
    );
    const wanted = Array.from({ length: LINES }, (_, n) => idOf(n));
    assert.deepEqual(rows.map((row) => row.custom_id).toSorted(), wanted.toSorted());
    for (const single of singles) {
      const reply = await ask(`GET /v1/jobs/${single}?wait_ms=20000`);
      assert.equal((reply.json() as { status: string }).status, 'succeeded', reply.text);
    }
    await until('its webhook', () => told('/batch').size > 0);
    assert.deepEqual([...told('/batch').values()], ['batch.completed']);
    const { accounts } = await system.simulated<{
      accounts: Record<string, { limited: number }>;
    }>();
    assert.deepEqual(
      NAMES.map((name) => accounts[name]?.limited),
      [0, 0],
    );
  });
});
