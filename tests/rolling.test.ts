/** A worker that is told to stop, over real processes: what it has begun it finishes, what it has not others do. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { System, until } from '@sluice/testing';

/** Longer than the lease of a call (12 s): it must be renewed while the worker ends. */
const CALL_MS = 18_000;
const AT_ONCE = 8;
const JOBS = 10;
const LINES = 4;

let system: System;
before(async () => {
  system = await System.start({
    config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: key } }
deployments: { slow: { provider: sim, model: m, limits: { concurrency: ${AT_ONCE} } } }
pools: { fast: [slow] }
`,
    simulator: {
      ledger: true,
      accounts: { sim: { key: 'key', format: 'openai', latency: { first_token_ms: CALL_MS } } },
    },
  });
});
after(() => system.stop());

async function post<T>(path: string, body: object | string): Promise<T> {
  const type = typeof body === 'string' ? 'application/jsonl' : 'application/json';
  const response = await fetch(system.apiUrl + path, {
    method: 'POST',
    headers: { 'content-type': type },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  assert.ok(response.ok, `${path}: ${response.status}`);
  return (await response.json()) as T;
}

const get = async <T>(path: string): Promise<T> =>
  (await (await fetch(system.apiUrl + path)).json()) as T;

const chat = (content: string) => ({ max_tokens: 16, messages: [{ role: 'user', content }] });

const line = (i: number): string =>
  JSON.stringify({
    custom_id: `${i}`,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model: 'fast', ...chat(`line ${i}`) },
  });

interface Account {
  open: number;
}

const open = async (): Promise<number> => {
  const { accounts } = await system.simulated<{ accounts: Record<string, Account> }>();
  return (accounts['sim'] as Account).open;
};

interface Call {
  key: string;
  end: string | null;
}

async function calls(): Promise<Call[]> {
  const text = await (await fetch(`${system.simulatorUrl}/_sim/ledger`)).text();
  return text
    .split('\n')
    .filter(Boolean)
    .map((row) => JSON.parse(row) as Call);
}

test('it finishes calls that outlast their lease; the others are called elsewhere; nothing twice', async () => {
  const lines = Array.from({ length: LINES }, (_, i) => line(i)).join('\n');
  const batch = await post<{ id: string }>('/v1/batches', lines);
  const jobs = await Promise.all(
    Array.from({ length: JOBS }, (_, i) =>
      post<{ id: string }>('/v1/jobs', { model: 'fast', body: chat(`job ${i}`) }),
    ),
  );
  await until('calls under way', async () => (await open()) === AT_ONCE, { timeoutMs: 60_000 });
  const [stopping] = system.names('worker');
  await system.launch('worker');
  await system.end(stopping as string);
  const limits = { timeoutMs: 120_000, everyMs: 100 };
  for (const { id } of jobs) {
    const ended = async () => {
      const job = await get<{ status: string; attempts: object[] }>(`/v1/jobs/${id}`);
      return ['queued', 'running'].includes(job.status) ? null : job;
    };
    const { status, attempts } = await until(id, ended, limits);
    assert.deepEqual([status, attempts.length], ['succeeded', 1]);
  }
  const completed = async () => {
    const found = await get<{ status: string; request_counts: object }>(`/v1/batches/${batch.id}`);
    return found.status === 'completed' ? found : null;
  };
  const { request_counts: counts } = await until('the batch', completed, limits);
  assert.deepEqual(counts, { total: LINES, completed: LINES, failed: 0 });
  const all = await calls();
  assert.deepEqual(
    [all.length, new Set(all.map(({ key }) => key)).size, new Set(all.map(({ end }) => end))],
    [JOBS + LINES, JOBS + LINES, new Set(['ok'])],
  );
});
