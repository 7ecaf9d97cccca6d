/** A batch with a ceiling, over real processes: it leaves others what it cannot pay for, and goes as fast as its money does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { System, chatBody, chatLines, until } from '@sluice/testing';

/** As long as another's work on the machine may take. */
const PATIENCE = { timeoutMs: 120_000, everyMs: 100 };

interface Batch {
  id: string;
  status: string;
  in_progress_at: number;
  completed_at: number;
  request_counts: { total: number; completed: number };
  sluice: {
    paused: boolean;
    paused_reason: string | null;
    eta_at: number | null;
    cost_usd: number;
    max_cost_usd: number | null;
    running: number;
    waiting: { reason: string } | null;
    blocked: { deployment: string; reason: string }[];
    by_deployment: Record<string, number>;
  };
}

const account = (key: string) => ({
  key,
  format: 'openai',
  limits: { rpm: 60_000 },
  latency: { first_token_ms: 200 },
  output_tokens: { mean: 100, spread: 0.3 },
});

/** Two cheap keys and one that costs seventeen times as much; answers are a tenth of what they may become. */
async function start(t: { after: (end: () => Promise<void>) => void }): Promise<System> {
  const system = await System.start({
    config: `
providers:
  a: { type: openai, base_url: "{{simulator}}/v1", api_key: a, accounting: { output: actual } }
  b: { type: openai, base_url: "{{simulator}}/v1", api_key: b, accounting: { output: actual } }
  c: { type: openai, base_url: "{{simulator}}/v1", api_key: c, accounting: { output: actual } }
deployments:
  mini-a: { provider: a, model: mini, limits: { rpm: 900 }, price: { input: 0.05, output: 0.3 } }
  mini-b: { provider: b, model: mini, limits: { rpm: 600 }, price: { input: 0.05, output: 0.3 } }
  haiku: { provider: c, model: haiku, limits: { rpm: 600 }, price: { input: 1, output: 5 } }
pools: { fast: [mini-a, mini-b, haiku] }
tenants:
  marketing: { api_keys: [marketing-key] }
  research: { api_keys: [research-key] }
`,
    simulator: { accounts: { a: account('a'), b: account('b'), c: account('c') } },
    roles: { worker: 2 },
  });
  t.after(() => system.stop());
  return system;
}

const FLEET_PER_SECOND = (900 + 600 + 600) / 60;
/** Of what all keys take together. */
const CHEAP_SHARE = (900 + 600) / (900 + 600 + 600);

/** Without a maximum, so that a line could become ten times as dear as it will be. */
const linesOf = (count: number, characters: number): string =>
  chatLines(count, (i) => chatBody(`${i} ${'x'.repeat(characters)}`, { model: 'fast' }));

async function call<T = Batch>(
  system: System,
  tenant: string,
  [path, body]: [path: string, body?: string],
): Promise<T> {
  const headers = { authorization: `Bearer ${tenant}-key`, 'content-type': 'application/jsonl' };
  const request = body === undefined ? { headers } : { method: 'POST', headers, body };
  return (await (await fetch(`${system.apiUrl}/v1/batches${path}`, request)).json()) as T;
}

test('beside a batch that has little left to spend another has all that it leaves', async (t) => {
  const system = await start(t);
  const lines = 700;
  const began = Date.now();
  const free = await call(system, 'marketing', ['', linesOf(lines, 2_000)]);
  await until('some lines are done', async () => {
    const { request_counts: counts } = await call(system, 'marketing', [`/${free.id}`]);
    return counts.completed > 20;
  });
  const held = await call(system, 'research', ['?max_cost_usd=0.006', linesOf(400, 100)]);
  const done = await until(
    'the other is done',
    async () => {
      const batch = await call(system, 'marketing', [`/${free.id}`]);
      return batch.status === 'completed' ? batch : null;
    },
    PATIENCE,
  );
  const seconds = (Date.now() - began) / 1_000;
  const { request_counts: counts, sluice } = await call(system, 'research', [`/${held.id}`]);
  const least = (lines + counts.completed) / FLEET_PER_SECOND;
  const cheap = [done.sluice, sluice].reduce(
    (sum, { by_deployment: by }) => sum + (by['mini-a'] ?? 0) + (by['mini-b'] ?? 0),
    0,
  );
  const share = cheap / (lines + counts.completed);
  t.diagnostic(
    `${seconds} s, at least ${least} s; ${share} on the cheap keys; ${counts.completed} lines of the one with a ceiling`,
  );
  assert.equal(done.request_counts.completed, lines);
  assert.ok(counts.completed > 0);
  // However slow the machine is: none of the keys was kept for what could not come.
  assert.ok(Math.abs(share - CHEAP_SHARE) < 0.12, `${share} of ${CHEAP_SHARE}`);
});

test('near its ceiling a batch goes where lines are cheap, comes to it, and says when and why', async (t) => {
  const system = await start(t);
  const ceiling = 0.006;
  const { says } = await call<{ says: string }>(system, 'research', [
    `?dry_run=true&max_cost_usd=${ceiling}`,
    linesOf(400, 100),
  ]);
  const words = /max_cost_usd of 0\.006 pays for about (\d+) of the 400 lines \((\d+) to (\d+)\)/;
  const [about = 0, least = 0, highest = 0] = (words.exec(says) ?? []).slice(1).map(Number);
  const began = Date.now();
  const { id } = await call(system, 'research', [`?max_cost_usd=${ceiling}`, linesOf(400, 100)]);
  const told: { at: number; eta: number; completed: number }[] = [];
  const paused = await until(
    'it is paused',
    async () => {
      const batch = await call(system, 'research', [`/${id}`]);
      const { eta_at: eta, waiting, max_cost_usd: most } = batch.sluice;
      const { completed } = batch.request_counts;
      assert.equal(most, ceiling);
      if (eta !== null && completed > 0) told.push({ at: Date.now() / 1_000, eta, completed });
      if (completed > 20 && !batch.sluice.paused)
        assert.match(waiting?.reason ?? '', /max_cost_usd: 0\.\d+ of 0\.006 USD are left/);
      return batch.sluice.paused ? batch : null;
    },
    PATIENCE,
  );
  const seconds = (Date.now() - began) / 1_000;
  const { sluice, request_counts: counts } = paused;
  t.diagnostic(`${counts.completed} lines in ${seconds} s`);
  assert.match(sluice.paused_reason ?? '', /max_cost_usd reached/);
  assert.ok(sluice.cost_usd < ceiling + 0.0052, 'above it by one line at most');
  const half = told.find(({ completed }) => completed > counts.completed / 2) ?? assert.fail();
  const [left, real] = [half.eta - half.at, Date.now() / 1_000 - half.at];
  t.diagnostic(`eta_at in ${left} s, in fact ${real} s`);
  assert.ok(left < 3 * real + 10 && left > real / 3 - 10, `in ${left} s, in fact ${real} s`);
  assert.ok(counts.completed > 100, `${counts.completed} lines`);
  t.diagnostic(`the dry run said ${about} lines (${least} to ${highest})`);
  // Before any answer it took them for twice as long.
  assert.ok(about > counts.completed / 3 && about < 3 * counts.completed, `${about} lines`);
  assert.ok(least <= counts.completed && counts.completed <= highest, says);
});

const ALIKE = ['mini-a', 'mini-b', 'mini-c', 'mini-d'];

const provider = (id: string): string =>
  `  ${id}: { type: openai, base_url: "{{simulator}}/v1", api_key: ${id}, accounting: { output: actual } }`;

const deployment = (id: string): string => {
  const price = id === 'haiku' ? '{ input: 1, output: 5 }' : '{ input: 0.15, output: 0.6 }';
  return `  ${id}: { provider: ${id}, model: m, limits: { rpm: 300 }, price: ${price} }`;
};

/** Four keys of one price, and one that is dear. Each learns characters per token from the lines that it had. */
async function startAlike(t: { after: (end: () => Promise<void>) => void }): Promise<System> {
  const all = [...ALIKE, 'haiku'];
  const system = await System.start({
    config: `
providers:
${all.map(provider).join('\n')}
deployments:
${all.map(deployment).join('\n')}
pools: { fast: [${all.join(', ')}] }
tenants:
  research: { api_keys: [research-key] }
`,
    simulator: { accounts: Object.fromEntries(all.map((id) => [id, account(id)])) },
    roles: { worker: 2 },
  });
  t.after(() => system.stop());
  return system;
}

test('keys of one price spend a ceiling together, to its end, and the dear one is said to be left out', async (t) => {
  const system = await startAlike(t);
  const ceiling = 0.02;
  const lines = chatLines(2_000, (i) =>
    chatBody(`${i} ${'word '.repeat((i * 7) % 60)}`, { model: 'fast' }),
  );
  const { id } = await call(system, 'research', [`?max_cost_usd=${ceiling}`, lines]);
  const leftOut = new Set<string>();
  const { sluice } = await until(
    'it is paused',
    async () => {
      const batch = await call(system, 'research', [`/${id}`]);
      for (const { deployment: one, reason } of batch.sluice.blocked)
        if (/^left out by max_cost_usd: .* of 0\.02 USD/.test(reason)) leftOut.add(one);
      return batch.sluice.paused ? batch : null;
    },
    PATIENCE,
  );
  const by = sluice.by_deployment;
  t.diagnostic(`${JSON.stringify(by)}, ${sluice.cost_usd} USD`);
  const all = Object.values(by).reduce((sum, some) => sum + some, 0);
  for (const one of ALIKE) assert.ok((by[one] ?? 0) > 0.15 * all, `${one}: ${JSON.stringify(by)}`);
  assert.deepEqual([...leftOut], ['haiku']);
  // A line without a maximum may have 1,024 tokens.
  assert.ok(sluice.cost_usd < ceiling + 0.0007, `${sluice.cost_usd} USD: by one line at most`);
});
