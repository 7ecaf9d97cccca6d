/** A vendor that answers 200 with a web page, and tiers behind it: the job goes on, or stays where `max_tier` keeps it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  System,
  chatBody,
  chatLines,
  endOfBatch,
  postBatch,
  rowsAt,
  startSink,
  until,
} from '@sluice/testing';
import type { HttpSink, SeenBatch } from '@sluice/testing';

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
  slow: { provider: sim, model: sim, limits: { rpm: 6 } }
  quick: { provider: sim, model: sim, limits: { rpm: 1200 } }
pools:
  fast: { tiers: [[page], [sim]] }
  spared: [unused, limited]
  spills: { spill_after_ms: 1500, tiers: [[slow], [quick]] }
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
    body: JSON.stringify({ model: 'fast', body: chatBody('hi'), ...more }),
  });
  const { id } = (await response.json()) as Job;
  const url = `${system.apiUrl}/v1/jobs/${id}?wait_ms=30000`;
  return (await (await fetch(url)).json()) as Job;
}

const served = async (): Promise<number> => (await system.simulatedCalls()).length;

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
  const batch = await runBatch('fast', 2, 'max_tier=1');
  assert.deepEqual(batch.request_counts, { total: 2, completed: 0, failed: 2 });
  assert.equal(await served(), servedBefore);
});

test('a max_tier beyond the tiers of all its lines’ pools fails a batch, and shows in a dry run', async () => {
  const line = { custom_id: 'a', method: 'POST', url: '/v1/chat/completions' };
  const body = { model: 'spared', messages: [{ role: 'user', content: 'hi' }] };
  const post = async (query: string) => {
    const response = await fetch(`${system.apiUrl}/v1/batches?${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/jsonl' },
      body: JSON.stringify({ ...line, body }),
    });
    return (await response.json()) as Refused;
  };
  const told = "Invalid value for 'max_tier': found 2; allowed: 1; spared has one tier.";
  const dry = await post('max_tier=2&dry_run=true');
  assert.deepEqual([dry.valid, dry.bad_lines, dry.errors?.data[0]?.message], [false, 0, told]);
  const { id } = await post('max_tier=2');
  const failed = await until('it is read', async () => {
    const answer = await fetch(`${system.apiUrl}/v1/batches/${id}`);
    const batch = (await answer.json()) as Refused;
    return batch.status === 'failed' ? batch : null;
  });
  assert.deepEqual(
    failed.errors?.data.map(({ message, param }) => [message, param]),
    [[told, 'max_tier']],
  );
});

interface Refused {
  id: string;
  status: string;
  valid: boolean;
  bad_lines: number;
  errors: { data: { message: string; param: string }[] } | null;
}

test('a deployment of weight 0 gets nothing of a batch, however free it is, and the others all', async () => {
  const batch = await runBatch('spared', 60);
  assert.deepEqual(batch.sluice.by_deployment, { limited: 60 });
});

async function runBatch(model: string, count: number, query = ''): Promise<Batch> {
  const lines = chatLines(count, (i) => chatBody(`${model} ${i}`, { model }));
  const { id } = await postBatch(system.apiUrl, lines, { query });
  return endOfBatch(system.apiUrl, id);
}

test('lines of a batch leave a slow first tier after spill_after_ms, and no sooner', async () => {
  const batch = await runBatch('spills', 40);
  const { slow = 0, quick = 0 } = batch.sluice.by_deployment;
  assert.ok(slow >= 1 && quick >= 30 && slow + quick === 40, JSON.stringify(batch.sluice));
  // The first tier alone takes over six minutes.
  assert.ok(batch.sluice.ideal_ms < 60_000, `${batch.sluice.ideal_ms}`);
  const lines = await rowsAt<{ sluice: { tier: number } }>(
    `${system.apiUrl}/v1/batches/${batch.id}/results`,
  );
  const tiers = lines.map(({ sluice }) => sluice.tier);
  assert.equal(tiers.filter((tier) => tier === 1).length, slow);
  const placed = await Promise.all(lines.map((_, i) => placeOf(`${batch.id}.${i + 1}`)));
  const first = (name: string): number =>
    Math.min(...placed.filter(({ deployment }) => deployment === name).map(({ at }) => at));
  const between = first('quick') - first('slow');
  // Told in whole milliseconds.
  assert.ok(between > 1.498 && between < 5, `${between} s after the first line of the first tier`);
});

/** Where a line was placed, and when, Unix s: it has been queued since then. */
async function placeOf(id: string): Promise<{ deployment: string; at: number }> {
  const job = (await (await fetch(`${system.apiUrl}/v1/jobs/${id}`)).json()) as {
    attempts: { deployment: string; started_at: number; queued_ms: number }[];
  };
  const [first] = job.attempts;
  assert.ok(first, id);
  return { deployment: first.deployment, at: first.started_at - first.queued_ms / 1_000 };
}

interface Batch extends SeenBatch {
  sluice: { by_deployment: Record<string, number>; ideal_ms: number };
}
