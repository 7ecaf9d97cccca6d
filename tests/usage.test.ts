/** Usage is what the providers counted, also when dispatchers are killed while they record; and the examples of docs/usage.md run. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { System, batchWhen, chatBody, chatLines, endOfBatch, postBatch } from '@sluice/testing';

const LINES = 800;
const JOBS = 60;

let system: System;
before(async () => {
  system = await System.start({
    config: `
providers:
  one: { type: openai, base_url: "{{simulator}}/v1", api_key: one }
  two: { type: openai, base_url: "{{simulator}}/v1", api_key: two }
deployments:
  priced: { provider: one, model: m, limits: { rpm: 12000 }, price: { input: 100, output: 200 } }
  free: { provider: two, model: m, limits: { rpm: 12000 } }
pools: { fast: [priced], all: { tiers: [[priced, free]], strategy: round_robin } }
usage: { metadata_keys: [project] }
`,
    simulator: {
      accounts: {
        one: { key: 'one', format: 'openai', error_rate: 0.1 },
        two: { key: 'two', format: 'openai', error_rate: 0.1 },
      },
    },
    roles: { dispatcher: 2 },
  });
});
after(() => system.stop());

// oxlint-disable-next-line typescript/no-explicit-any -- The test says what it expects of an answer.
async function ask(path: string, init: RequestInit = {}): Promise<any> {
  const response = await fetch(system.apiUrl + path, init);
  assert.ok(response.ok, `${path}: ${response.status}`);
  return response.json();
}

const postJob = (body: object) =>
  ask('/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'fast', body }),
  });

const chat = (content: string) => chatBody(content, { max_tokens: 64 });

interface Row {
  group: string | null;
  jobs: number;
  succeeded: number;
  failed: number;
  attempts: number;
  failed_attempts: number;
  usage: { input_tokens: number; output_tokens: number };
  cost_usd: number | null;
  cost_usd_known: number;
}
const usage = async (query = ''): Promise<Row[]> =>
  (await ask(`/admin/usage?bucket=total${query}`)).data[0].results;

interface Account {
  calls: number;
  ok: number;
  tokens_in: number;
  tokens_out: number;
}

/** Kills the dispatcher that records as soon as some lines are recorded, and starts another. */
async function killWhileRecording(batch: string, recorded: number): Promise<void> {
  await batchWhen(
    system.apiUrl,
    batch,
    ({ request_counts: counts }) => counts.completed >= recorded,
  );
  await system.end(system.names('dispatcher')[0] as string, 'SIGKILL');
  await system.launch('dispatcher');
}

test('the sums are those of the simulator, with dispatchers killed while they record', async () => {
  const lines = chatLines(LINES, (i) => ({ model: 'all', ...chat(`Question ${i}`) }));
  const batch = await postBatch(system.apiUrl, lines, { query: 'metadata[project]=labels' });
  const jobs = await Promise.all(Array.from({ length: JOBS }, (_, i) => postJob(chat(`Job ${i}`))));
  await killWhileRecording(batch.id, 100);
  await killWhileRecording(batch.id, 400);
  await endOfBatch(system.apiUrl, batch.id, { timeoutMs: 120_000 });
  const ended = await Promise.all(jobs.map(({ id }) => ask(`/v1/jobs/${id}?wait_ms=60000`)));
  assert.ok(ended.every(({ status }) => status === 'succeeded' || status === 'failed'));
  const { accounts } = await system.simulated<{ accounts: Record<string, Account> }>();
  const [one, two] = [accounts['one'] as Account, accounts['two'] as Account];
  const [all] = await usage();
  assert.equal(all?.jobs, LINES + JOBS);
  assert.equal((all?.succeeded ?? 0) + (all?.failed ?? 0), LINES + JOBS);
  assert.equal(all?.attempts, one.calls + two.calls);
  assert.equal(all?.failed_attempts, one.calls + two.calls - one.ok - two.ok);
  assert.deepEqual(
    [all?.usage.input_tokens, all?.usage.output_tokens],
    [one.tokens_in + two.tokens_in, one.tokens_out + two.tokens_out],
  );
  assert.equal(all?.cost_usd, null, 'one of them has no price');
  const rows = await usage('&group_by=deployment');
  assert.deepEqual(
    rows.map(({ group }) => group),
    ['free', 'priced'],
  );
  const [free, priced] = rows;
  assert.deepEqual([free?.attempts, priced?.attempts], [two.calls, one.calls]);
  assert.deepEqual([free?.usage.input_tokens, free?.cost_usd_known], [two.tokens_in, 0]);
  assert.equal(priced?.cost_usd, Number((one.tokens_in / 1e4 + one.tokens_out / 5e3).toFixed(9)));
  const pools = await usage('&group_by=pool');
  assert.deepEqual(
    pools.map(({ group, jobs: count }) => [group, count]),
    [
      ['all', LINES],
      ['fast', JOBS],
    ],
  );
  const projects = await usage('&group_by=metadata.project');
  assert.deepEqual(
    projects.map(({ group, jobs: count }) => [group, count]),
    [
      ['labels', LINES],
      [null, JOBS],
    ],
  );
  assert.equal((projects[0]?.attempts ?? 0) + (projects[1]?.attempts ?? 0), all?.attempts);
});

const run = promisify(execFile);
const document = readFileSync(join(import.meta.dirname, '../docs/usage.md'), 'utf8');
const blocks = (language: string): string[] =>
  [...document.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(
    ([, text]) => text as string,
  );

test('the examples of docs/usage.md are answered as they stand there', async () => {
  const [commands = ''] = blocks('sh');
  const [example = ''] = blocks('json');
  const wanted = JSON.parse(example) as { data: { results: object[] }[] };
  const examples = commands.trim().split('\n');
  assert.equal(examples.length, 4);
  for (const line of examples) {
    const command = line.replace('localhost:8080', system.apiUrl.replace('http://', ''));
    const { stdout } = await run('sh', ['-c', command]);
    const page = JSON.parse(stdout) as typeof wanted;
    assert.deepEqual(Object.keys(page), Object.keys(wanted), line);
    const rows = page.data.flatMap(({ results }) => results);
    const [row = {}] = wanted.data[0]?.results ?? [];
    assert.ok(rows.length > 0, line);
    for (const one of rows) assert.deepEqual(Object.keys(one), Object.keys(row), line);
  }
});
