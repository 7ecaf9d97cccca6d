/** A vendor that answers 200 with a web page, and tiers behind it: the job goes on, or stays where `max_tier` keeps it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { System, startSink, until } from '@sluice/testing';
import type { HttpSink } from '@sluice/testing';

let system: System;
let page: HttpSink;
before(async () => {
  page = await startSink((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<html>Sign in to the hotel Wi-Fi</html>');
  });
  system = await System.start({
    config: `
providers:
  page: { type: openai, base_url: "${page.url}/v1", api_key: key }
  sim: { type: openai, base_url: "{{simulator}}/v1", api_key: key }
deployments:
  page: { provider: page, model: m }
  sim: { provider: sim, model: sim }
  limited: { provider: sim, model: sim, limits: { rpm: 1200 } }
  unused: { provider: sim, model: sim, weight: 0 }
pools: { fast: { tiers: [[page], [sim]] }, spared: [unused, limited] }
retry: { max_attempts: 2 }
`,
    simulator: { ledger: true, accounts: { sim: { key: 'key', format: 'openai' } } },
  });
});
after(async () => {
  await system.stop();
  await page.stop();
});

interface Job {
  id: string;
  status: string;
  error: { code: string; message: string } | null;
  result: { status_code: number } | null;
  attempts: { deployment: string; outcome: string; error: string | null }[];
}

async function run(more: object): Promise<Job> {
  const response = await fetch(`${system.apiUrl}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'fast',
      body: { messages: [{ role: 'user', content: 'hi' }] },
      ...more,
    }),
  });
  const { id } = (await response.json()) as Job;
  const url = `${system.apiUrl}/v1/jobs/${id}?wait_ms=30000`;
  return (await (await fetch(url)).json()) as Job;
}

const served = async (): Promise<number> => {
  const text = await (await fetch(`${system.simulatorUrl}/_sim/ledger`)).text();
  return text.split('\n').filter(Boolean).length;
};

test('max_tier: 1 keeps a job in tier 1, where it fails with what was wrong', async () => {
  const job = await run({ max_tier: 1 });
  assert.equal(job.status, 'failed', JSON.stringify(job));
  assert.equal(job.error?.code, 'provider_error');
  assert.deepEqual(new Set(job.attempts.map(({ deployment }) => deployment)), new Set(['page']));
  assert.match(job.attempts[0]?.error ?? '', /JSON/);
  assert.equal(await served(), 0);
});

test('without it the job goes on to tier 2', async () => {
  const job = await run({});
  assert.equal(job.status, 'succeeded', JSON.stringify(job));
  assert.deepEqual(
    job.attempts.map(({ deployment, outcome }) => [deployment, outcome]),
    [
      ['page', 'provider_error'],
      ['sim', 'ok'],
    ],
  );
});

test('max_tier holds for every line of a batch', async () => {
  const servedBefore = await served();
  const lines = Array.from({ length: 2 }, (_, i) =>
    JSON.stringify({
      custom_id: String(i),
      method: 'POST',
      url: '/v1/chat/completions',
      body: { model: 'fast', messages: [{ role: 'user', content: String(i) }] },
    }),
  );
  const response = await fetch(`${system.apiUrl}/v1/batches?max_tier=1`, {
    method: 'POST',
    headers: { 'content-type': 'application/jsonl' },
    body: lines.join('\n'),
  });
  const { id } = (await response.json()) as { id: string };
  const batch = await until(
    'the end',
    async () => {
      const text = await (await fetch(`${system.apiUrl}/v1/batches/${id}`)).text();
      const read = JSON.parse(text) as { status: string; request_counts: object };
      return read.status === 'completed' ? read : null;
    },
    { timeoutMs: 60_000 },
  );
  assert.deepEqual(batch.request_counts, { total: 2, completed: 0, failed: 2 });
  assert.equal(await served(), servedBefore);
});

test('a deployment of weight 0 gets nothing of a batch, however free it is, and the others all', async () => {
  const lines = Array.from({ length: 60 }, (_, i) =>
    JSON.stringify({
      custom_id: String(i),
      method: 'POST',
      url: '/v1/chat/completions',
      body: { model: 'spared', messages: [{ role: 'user', content: `spared ${i}` }] },
    }),
  );
  const made = await fetch(`${system.apiUrl}/v1/batches`, {
    method: 'POST',
    headers: { 'content-type': 'application/jsonl' },
    body: lines.join('\n'),
  });
  const { id } = (await made.json()) as { id: string };
  const batch = await until(
    'the batch to end',
    async () => {
      const answer = await fetch(`${system.apiUrl}/v1/batches/${id}`);
      const shown = (await answer.json()) as Batch;
      return shown.status === 'completed' ? shown : null;
    },
    { timeoutMs: 30_000, everyMs: 200 },
  );
  assert.deepEqual(batch.sluice.by_deployment, { limited: 60 });
});

interface Batch {
  status: string;
  sluice: { by_deployment: Record<string, number> };
}
