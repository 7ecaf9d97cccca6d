/** A worker that is told to stop, over real processes: what it has begun it finishes, what it has not others do. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { System, chatBody, chatLines, endOfBatch, postBatch, until } from '@sluice/testing';

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

async function postJob(body: object): Promise<string> {
  const response = await fetch(`${system.apiUrl}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'fast', body }),
  });
  assert.ok(response.ok, `${response.status}`);
  return ((await response.json()) as { id: string }).id;
}

const get = async <T>(path: string): Promise<T> =>
  (await (await fetch(system.apiUrl + path)).json()) as T;

const chat = (content: string) => chatBody(content, { max_tokens: 16 });

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

test('it finishes calls that outlast their lease; the others are called elsewhere; nothing twice', async () => {
  const lines = chatLines(LINES, (i) => ({ model: 'fast', ...chat(`line ${i}`) }));
  const batch = await postBatch(system.apiUrl, lines);
  const jobs = await Promise.all(Array.from({ length: JOBS }, (_, i) => postJob(chat(`job ${i}`))));
  await until('calls under way', async () => (await open()) === AT_ONCE, { timeoutMs: 60_000 });
  const [stopping] = system.names('worker');
  await system.launch('worker');
  await system.end(stopping as string);
  const limits = { timeoutMs: 120_000, everyMs: 100 };
  for (const id of jobs) {
    const ended = async () => {
      const job = await get<{ status: string; attempts: object[] }>(`/v1/jobs/${id}`);
      return ['queued', 'running'].includes(job.status) ? null : job;
    };
    const { status, attempts } = await until(id, ended, limits);
    assert.deepEqual([status, attempts.length], ['succeeded', 1]);
  }
  const { request_counts: counts } = await endOfBatch(system.apiUrl, batch.id, limits);
  assert.deepEqual(counts, { total: LINES, completed: LINES, failed: 0 });
  const all = await system.simulatedCalls<Call>();
  assert.deepEqual(
    [all.length, new Set(all.map(({ key }) => key)).size, new Set(all.map(({ end }) => end))],
    [JOBS + LINES, JOBS + LINES, new Set(['ok'])],
  );
});
