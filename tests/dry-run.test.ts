/** `dry_run` answers what a batch would take, names its bad lines, calls nobody and leaves nothing behind. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { System, chatBody, chatLine, until } from '@sluice/testing';
import { Redis } from 'ioredis';

let system: System;
before(async () => {
  system = await System.start({
    config: `
providers: { a: { type: openai, base_url: "{{simulator}}/v1", api_key: k } }
deployments:
  a: { provider: a, model: sim, limits: { rpm: 600 }, price: { input: 1, output: 8 } }
  b: { provider: a, model: sim, limits: { rpm: 60 }, price: { input: 10, output: 80 } }
pools: { f: [a], g: [b], both: [a, b] }
`,
    simulator: { ledger: true, accounts: { a: { key: 'k', format: 'openai' } } },
  });
});
after(() => system.stop());

const line = (i: number, model: string): string =>
  chatLine(`${i}`, chatBody(`question ${i}`, { model, max_tokens: 100 }));
const linesOf = (n: number): string[] =>
  Array.from({ length: n }, (_, i) => line(i, i % 10 === 0 ? 'g' : 'f'));

async function direct(lines: readonly string[], query = '') {
  const response = await fetch(`${system.apiUrl}/v1/batches?dry_run=true${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/jsonl' },
    body: lines.join('\n'),
  });
  // The tests say what they expect of it.
  // oxlint-disable-next-line typescript/no-explicit-any
  return { status: response.status, json: (await response.json()) as any };
}

async function upload(lines: readonly string[]): Promise<string> {
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', new Blob([lines.join('\n')]), 'lines.jsonl');
  const response = await fetch(`${system.apiUrl}/v1/files`, { method: 'POST', body: form });
  return ((await response.json()) as { id: string }).id;
}

const create = (body: object) =>
  fetch(`${system.apiUrl}/v1/batches`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      endpoint: '/v1/chat/completions',
      completion_window: '1h',
      ...body,
    }),
  });

const setB = (state: string | null) =>
  fetch(`${system.apiUrl}/admin/deployments/b`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ state }),
  });

const listed = async (what: string): Promise<unknown[]> =>
  ((await (await fetch(`${system.apiUrl}/v1/${what}`)).json()) as { data: unknown[] }).data;

const storedFiles = (): string[] =>
  readdirSync(join(system.folder, 'files'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'store-id')
    .map((entry) => entry.name);

describe('a dry run', () => {
  test('says lines, tokens, cost and time, of the whole and by pool', async () => {
    const { status, json } = await direct(linesOf(1_000));
    assert.equal(status, 200, JSON.stringify(json));
    assert.equal(json.object, 'batch.dry_run');
    assert.deepEqual([json.valid, json.lines, json.bad_lines, json.errors], [true, 1_000, 0, null]);
    assert.deepEqual(Object.keys(json.by_pool).toSorted(), ['f', 'g']);
    assert.deepEqual([json.by_pool.f.lines, json.by_pool.g.lines], [900, 100]);
    assert.equal(json.output_tokens.high, 100_000, 'at most the maximum of each');
    assert.ok(json.output_tokens.low < json.output_tokens.likely);
    const { f, g } = json.by_pool;
    assert.ok(Math.abs(f.cost_usd.likely + g.cost_usd.likely - json.cost_usd.likely) < 1e-6);
    assert.ok(g.cost_usd.likely > f.cost_usd.likely, 'dearer for a ninth of the lines');
    // 900 calls at 10 a second, 100 at 1 a second, each with a burst of a second's.
    assert.ok(json.ideal_ms > 85_000 && json.ideal_ms < 101_000, `${json.ideal_ms}`);
    assert.equal(json.deadline.meets, true);
    assert.ok(json.eta_ms >= json.ideal_ms * 0.95 && json.eta_ms < 150_000, `${json.eta_ms}`);
    const told = json.eta_at * 1_000 - Date.now();
    assert.ok(Math.abs(told - json.eta_ms) < 5_000, `in ${told} ms, and in ${json.eta_ms}`);
    assert.deepEqual(json.assumed.output_tokens.f, { value: 100, from: 'default' });
    const { a } = json.assumed.deployments;
    assert.deepEqual(a.chars_per_token, { value: 4, from: 'default' });
    const late = await direct(linesOf(1_000), '&completion_window=1m');
    assert.equal(late.json.deadline.meets, false);
    assert.ok(late.json.deadline.late_by_ms > 20_000);
  });

  test('of an uploaded file: the bad lines with their numbers, and what the good ones would take', async () => {
    const bad = [line(900, 'nobody'), '{', line(0, 'f')];
    const id = await upload([...linesOf(20), ...bad]);
    const json = await (await create({ input_file_id: id, dry_run: true })).json();
    const { valid, lines, bad_lines, errors, by_pool } = json as {
      valid: boolean;
      lines: number;
      bad_lines: number;
      errors: { data: { line: number; code: string }[] };
      by_pool: Record<string, { lines: number }>;
    };
    assert.deepEqual([valid, lines, bad_lines], [false, 23, 3]);
    assert.deepEqual(
      errors.data.map((each) => each.line),
      [21, 22, 23],
    );
    assert.deepEqual([by_pool['f']?.lines, by_pool['g']?.lines], [18, 2]);
  });

  test('who takes nothing now is named, where lines could go there', async () => {
    const lines = Array.from({ length: 1_100 }, (_, i) => line(i, 'both'));
    const all = (await direct(lines)).json;
    assert.doesNotMatch(all.says, /takes nothing/);
    await setB('paused');
    const { says, ideal_ms } = await until('the plans go without it', async () => {
      const { json } = await direct(lines);
      return json.ideal_ms > all.ideal_ms ? json : null;
    });
    assert.match(says, / count on what takes nothing now: b \(set to paused by an operator\)\./);
    assert.ok(Math.abs(ideal_ms / all.ideal_ms - 1.1) < 0.01, `${ideal_ms} of ${all.ideal_ms}`);
    assert.doesNotMatch((await direct([line(1, 'f')])).json.says, /takes nothing/);
    await setB(null);
    await until('they go on with it', async () => {
      const { json } = await direct(lines);
      return json.ideal_ms === all.ideal_ms && !json.says.includes('takes nothing');
    });
  });

  test('where it cannot be, an error: no such file, an empty one, a wrong field', async () => {
    const missing = await create({ input_file_id: `file-${'0'.repeat(32)}`, dry_run: true });
    assert.equal(missing.status, 400);
    assert.match(await missing.text(), /input_file_id/);
    assert.equal((await direct([])).status, 400);
    assert.equal((await create({ input_file_id: 'x', dry_run: 'yes' })).status, 400);
  });

  test('nobody was called, no batch made, and nothing is left but what was uploaded', async () => {
    assert.deepEqual(await system.simulatedCalls(), []);
    assert.deepEqual(await listed('batches'), []);
    assert.equal((await listed('files')).length, 1);
    await until('the store holds the upload alone', () => storedFiles().length === 1);
    const redis = new Redis(system.redis.url);
    const keys = await redis.keys('*');
    redis.disconnect();
    assert.deepEqual(
      keys.filter((key) => /:(?:dry|dried|batch):/.test(key)),
      [],
    );
  });
});
