/**
 * `npm run bench:eta` (`-- calm halved paused`): how honest a batch's `eta_at` is. Three batches of two tenants drain beside
 * one another over three deployments, 1,400 lines; then again while one deployment's limit is halved after 20 s, and while
 * one is paused. `eta_at` is read every second; its error is the difference to the real end, as a part of what was really
 * left. Asked for: within 25 % (or 3 s) for all that is read from 5 s after the start or the change.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { chatBody, chatLines, until } from '@sluice/testing';
import type { System } from '@sluice/testing';
import { atMost, beside, printRows } from './row.ts';
import type { Row } from './row.ts';
import { withSystem } from './with-system.ts';

const RPM = 400;
const NAMES = ['one', 'two', 'three'] as const;
const CHANGE_MS = 20_000;
const SETTLE_MS = 5_000;
const WITHIN = 0.25;
const WITHIN_MS = 3_000;

const account = {
  key: 'k',
  format: 'openai',
  limits: { rpm: RPM },
  latency: { first_token_ms: 400 },
};
const options = {
  config: `
providers: { ${NAMES.map((name) => `${name}: { type: openai, base_url: "{{simulator}}/v1", api_key: ${name} }`).join(', ')} }
deployments: { ${NAMES.map((name) => `${name}: { provider: ${name}, model: m, limits: { rpm: ${RPM} } }`).join(', ')} }
pools: { fast: [${NAMES.join(', ')}] }
tenants: { a: { api_keys: [key-of-tenant-a] }, b: { api_keys: [key-of-tenant-b] } }
admin: { api_keys: [key-of-the-admin] }
`,
  simulator: {
    accounts: Object.fromEntries(NAMES.map((name) => [name, { ...account, key: name }])),
  },
};

const BATCHES = [
  { tenant: 'a', lines: 700 },
  { tenant: 'a', lines: 300 },
  { tenant: 'b', lines: 400 },
] as const;

interface Batch {
  id: string;
  status: string;
  request_counts: { total: number; completed: number };
  sluice: { eta_at: number | null };
}
interface Sample {
  at: number;
  etaAt: number | null;
  done: number;
}

async function ask<T>(
  system: System,
  key: string,
  path: string,
  init: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<T> {
  const headers = { authorization: `Bearer ${key}`, ...init.headers };
  const response = await fetch(`${system.apiUrl}${path}`, { ...init, headers });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

const question = (i: number) => chatBody(`question ${i}`, { model: 'fast', max_tokens: 16 });

function post(system: System, { tenant, lines }: (typeof BATCHES)[number]): Promise<Batch> {
  const headers = { 'content-type': 'application/jsonl' };
  return ask(system, `key-of-tenant-${tenant}`, '/v1/batches', {
    method: 'POST',
    headers,
    body: chatLines(lines, question),
  });
}

const patch = (system: System, deployment: string, body: object): Promise<unknown> =>
  ask(system, 'key-of-the-admin', `/admin/deployments/${deployment}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

const CHANGES = {
  calm: null,
  halved: (system: System) => patch(system, 'one', { limits: { rpm: RPM / 4 } }),
  paused: (system: System) => patch(system, 'two', { state: 'paused' }),
};

/** Reads `eta_at` every second until the end. */
async function follow(system: System, id: string): Promise<{ samples: Sample[]; endedAt: number }> {
  const samples: Sample[] = [];
  for (;;) {
    const batch = await ask<Batch>(system, 'key-of-the-admin', `/v1/batches/${id}`);
    const at = Date.now();
    const { completed, total } = batch.request_counts;
    if (batch.status === 'finalizing' || batch.status === 'completed')
      return { samples, endedAt: at };
    const { eta_at } = batch.sluice;
    samples.push({
      at,
      etaAt: eta_at === null ? null : eta_at * 1_000,
      done: total === 0 ? 0 : completed / total,
    });
    await sleep(250);
  }
}

async function run(name: keyof typeof CHANGES): Promise<Row[]> {
  return withSystem(options, async (system) => {
    const began = Date.now();
    const batches = await Promise.all(BATCHES.map((batch) => post(system, batch)));
    const followed = Promise.all(batches.map(({ id }) => follow(system, id)));
    const change = CHANGES[name];
    let knownFrom = began + SETTLE_MS;
    if (change !== null) {
      await until('the change', () => Date.now() - began >= CHANGE_MS, { timeoutMs: 60_000 });
      await change(system);
      knownFrom = Date.now() + SETTLE_MS;
    }
    const all = await followed;
    return all.flatMap((one, i) => rowsOf(`${name}, batch ${i + 1}`, one, knownFrom));
  });
}

function rowsOf(
  name: string,
  { samples, endedAt }: { samples: Sample[]; endedAt: number },
  knownFrom: number,
): Row[] {
  const told = samples.filter(({ at }) => at >= knownFrom);
  const errors = told.flatMap(({ at, etaAt }) =>
    etaAt === null ? [] : [{ ms: etaAt - endedAt, left: endedAt - at }],
  );
  const beyond = errors.map(
    ({ ms, left }) => Math.max(0, Math.abs(ms) - WITHIN_MS) / Math.max(1, left),
  );
  const at = [0.1, 0.3, 0.5, 0.7, 0.9].map((part) => {
    const sample = samples.find(({ done }) => done >= part);
    return sample?.etaAt == null ? '?' : ((sample.etaAt - endedAt) / 1_000).toFixed(0);
  });
  const none = told.filter(({ etaAt }) => etaAt === null).length;
  return [
    atMost(`${name}: worst error of ${errors.length} readings`, Math.max(0, ...beyond), WITHIN),
    beside(`  off by s at 10 · 30 · 50 · 70 · 90 %; none`, `${at.join(' · ')}; ${none}`),
  ];
}

const wanted = process.argv.slice(2);
for (const name of Object.keys(CHANGES) as (keyof typeof CHANGES)[])
  if (wanted.length === 0 || wanted.includes(name)) printRows(await run(name));
