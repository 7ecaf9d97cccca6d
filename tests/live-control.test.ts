/**
 * Two thousand jobs run while deployments are paused, added and removed and limits change, in real processes: none is
 * lost, none is called twice, no limit is overrun.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { System, chatBody, chatLines, endOfBatch, postBatch, until } from '@sluice/testing';

const LINES = 1_700;
const SINGLES = 300;
const NAMES = ['a', 'b', 'c', 'd'] as const;
type Name = (typeof NAMES)[number];

const RPM: Record<Name, number> = { a: 2_400, b: 2_400, c: 2_400, d: 3_600 };

const configOf = (names: readonly Name[], more = ''): string => `
providers:
${names.map((name) => `  ${name}: { type: openai, base_url: "{{simulator}}/v1", api_key: "${name}" }`).join('\n')}
deployments:
${names.map((name) => `  ${name}: { provider: ${name}, model: m, limits: { rpm: ${RPM[name]}, concurrency: 64 } }`).join('\n')}
pools: { fast: [${names.join(', ')}] }
${more}`;

const account = (name: Name) => ({
  key: name,
  format: 'openai',
  limits: { rpm: RPM[name], concurrency: 64 },
  window: 'bucket_1s',
  latency: { first_token_ms: 200 },
});

let system: System;
before(async () => {
  system = await System.start({
    config: configOf(['a', 'b', 'c']),
    simulator: { ledger: true, accounts: Object.fromEntries(NAMES.map((n) => [n, account(n)])) },
    roles: { worker: 2 },
  });
});
after(() => system.stop());

// The tests say what they expect of an answer.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
async function ask<T>(line: string, body?: object): Promise<{ status: number; json: T }> {
  const [method = 'GET', path = ''] = line.split(' ');
  const response = await fetch(system.apiUrl + path, {
    method,
    ...(body && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
  return { status: response.status, json: (await response.json()) as T };
}

const message = (text: string) => chatBody(text, { max_tokens: 5 });

interface AccountStats {
  calls: number;
  ok: number;
  limited: number;
  in_flight: number;
}
const stats = async (): Promise<Record<Name, AccountStats>> =>
  (await system.simulated<{ accounts: Record<Name, AccountStats> }>()).accounts;

interface Shown {
  id: string;
  state: string;
  weight: number;
  limits: { rpm?: number };
  overridden: object | null;
}
const deployments = async (): Promise<Map<string, Shown>> => {
  const { json } = await ask<{ data: Shown[] }>('GET /admin/deployments');
  return new Map(json.data.map((one) => [one.id, one]));
};

/** Eight calls are under way at any time where a deployment works: none means that it has stopped. How many it got in all. */
async function quietWithin(name: Name, timeoutMs: number): Promise<number> {
  const idle = async (): Promise<boolean> => (await stats())[name].in_flight === 0;
  await until(`${name} has no calls`, idle, { timeoutMs });
  return (await stats())[name].calls;
}

const writeConfig = (names: readonly Name[], more = ''): void =>
  writeFileSync(
    join(system.folder, 'sluice.yaml'),
    configOf(names, more).replaceAll('{{simulator}}', system.simulatorUrl),
  );

test('deployments and limits change under 2,000 jobs: nothing lost, nothing twice, no 429', async () => {
  const lines = chatLines(LINES, (i) => ({ model: 'fast', ...message(`line ${i}`) }));
  const { id } = await postBatch(system.apiUrl, lines, { query: 'completion_window=1h' });
  const singles = await Promise.all(
    Array.from({ length: SINGLES }, (_, i) =>
      ask<{ id: string }>('POST /v1/jobs', { model: 'fast', body: message(`single ${i}`) }),
    ),
  );
  assert.ok(singles.every(({ status }) => status === 202));
  await until('all three work', async () => {
    const { a, b, c } = await stats();
    return Math.min(a.calls, b.calls, c.calls) > 20;
  });

  const paused = await ask<Shown>('PATCH /admin/deployments/a', { state: 'paused' });
  assert.deepEqual([paused.status, paused.json.state], [200, 'paused']);
  assert.deepEqual(paused.json.overridden, { state: 'paused' });
  const ofA = await quietWithin('a', 1_200);

  const slower = await ask<Shown>('PATCH /admin/deployments/b', { limits: { rpm: 1_200 } });
  assert.deepEqual(
    [slower.json.limits.rpm, slower.json.overridden],
    [1_200, { limits: { rpm: 1_200 } }],
  );

  writeConfig(['a', 'b', 'd']);
  const reload = await ask<{ deployments: { added: string[]; removed: string[] } }>(
    'POST /admin/reload',
  );
  assert.equal(reload.status, 200, JSON.stringify(reload.json));
  assert.deepEqual(reload.json.deployments, { added: ['d'], removed: ['c'], changed: [] });
  await until('the new one works', async () => (await stats()).d.calls > 20);
  const ofC = await quietWithin('c', 1_200);

  assert.equal((await stats()).a.calls, ofA, 'what is paused gets nothing');
  await ask('PATCH /admin/deployments/b', { limits: null });
  await ask('PATCH /admin/deployments/a', { state: 'active' });
  const batch = await endOfBatch(system.apiUrl, id, { timeoutMs: 120_000 });
  assert.equal((await stats()).c.calls, ofC, 'what is removed gets nothing more');

  assert.deepEqual(batch.request_counts, { total: LINES, completed: LINES, failed: 0 });
  const ends = await Promise.all(
    singles.map(({ json }) => ask<{ status: string }>(`GET /v1/jobs/${json.id}?wait_ms=30000`)),
  );
  assert.deepEqual(new Set(ends.map(({ json: { status } }) => status)), new Set(['succeeded']));
  const all = Object.values(await stats());
  const sum = (read: (one: AccountStats) => number): number =>
    all.reduce((total, one) => total + read(one), 0);
  assert.equal(
    sum(({ ok }) => ok),
    LINES + SINGLES,
  );
  assert.equal(
    sum(({ calls }) => calls),
    LINES + SINGLES,
  );
  assert.equal(
    sum(({ limited }) => limited),
    0,
  );
});

test('a config with mistakes changes nothing, and all of them are answered', async () => {
  const inForce = [...(await deployments()).keys()];
  writeConfig(['a', 'b'], 'retry: { max_attempts: none }\nroutess: []');
  const { status, json } = await ask<{ error: { code: string; message: string } }>(
    'POST /admin/reload',
  );
  assert.deepEqual([status, json.error.code], [400, 'invalid_config']);
  for (const part of ['2 mistakes', 'retry.max_attempts', 'routess'])
    assert.ok(json.error.message.includes(part), json.error.message);
  assert.deepEqual([...(await deployments()).keys()], inForce);
});

test('what cannot change live is said; tenants and keys change', async () => {
  writeConfig(['a', 'b', 'd'], 'retention: { jobs: 1h }');
  const { json } = await ask<{ needs_restart: string[] }>('POST /admin/reload');
  assert.deepEqual(json.needs_restart, ['retention']);
  writeConfig(
    ['a', 'b', 'd'],
    'tenants: { t: { api_keys: [t-key] } }\nadmin: { api_keys: [boss] }',
  );
  process.kill(system.pid(system.names('dispatcher')[0] as string), 'SIGHUP');
  await until(
    'a key is asked for',
    async () => (await ask('GET /admin/deployments')).status === 401,
  );
  const keyed = await fetch(`${system.apiUrl}/v1/models`, { headers: { 'x-api-key': 't-key' } });
  assert.equal(keyed.status, 200);
  writeConfig(['a', 'b', 'd']);
  process.kill(system.pid(system.names('worker')[0] as string), 'SIGHUP');
  await until('none is', async () => (await ask('GET /admin/deployments')).status === 200);
});

test('overrides survive restarts of every process', async () => {
  const set = { weight: 0, state: 'draining', limits: { rpm: 77 } };
  assert.equal((await ask('PATCH /admin/deployments/b', set)).status, 200);
  for (const role of ['api', 'dispatcher'] as const) {
    await system.end(system.names(role)[0] as string);
    await system.launch(role);
  }
  await until('it is shown', async () => {
    const b = (await deployments()).get('b');
    return b?.state === 'draining' && b.limits.rpm === 77 && b.weight === 0;
  });
  const cleared = await ask<Shown>('PATCH /admin/deployments/b', {
    weight: null,
    state: null,
    limits: { rpm: null },
  });
  assert.deepEqual([cleared.json.overridden, cleared.json.limits.rpm], [null, RPM.b]);
  assert.ok(readFileSync(join(system.folder, 'sluice.yaml'), 'utf8').includes('rpm: 2400'));
});

const withLate = (): void =>
  writeFileSync(
    join(system.folder, 'sluice.yaml'),
    configOf(['a', 'b', 'd'])
      .replace('pools: {', 'pools: { late: [b],')
      .replaceAll('{{simulator}}', system.simulatorUrl),
  );

test('what was accepted for a removed pool waits for it to come back', async () => {
  const job = { model: 'late', body: message('late') };
  await ask('PATCH /admin/deployments/b', { state: 'paused' });
  withLate();
  await ask('POST /admin/reload');
  const { status, json } = await ask<{ id: string }>('POST /v1/jobs', job);
  assert.equal(status, 202);
  writeConfig(['a', 'b', 'd']);
  const { json: reload } = await ask<{ warnings: string[] }>('POST /admin/reload');
  assert.match(reload.warnings.join(), /pools\.late is gone.* waits/);
  assert.equal((await ask('POST /v1/jobs', job)).status, 404);
  await ask('PATCH /admin/deployments/b', { state: null });
  const waiting = await ask<{ status: string }>(`GET /v1/jobs/${json.id}?wait_ms=1000`);
  assert.equal(waiting.json.status, 'queued');
  withLate();
  await ask('POST /admin/reload');
  const done = await ask<{ status: string }>(`GET /v1/jobs/${json.id}?wait_ms=30000`);
  assert.equal(done.json.status, 'succeeded');
});
