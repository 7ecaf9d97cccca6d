/** Thousands of hostile requests at a whole system, and what it kept and still does afterwards. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { System, until } from '@sluice/testing';
import { caseOf } from './cases.ts';
import type { HostileCase, Known } from './cases.ts';
import { TIMEOUT_MS, faultOf } from './judge.ts';
import { send } from './send.ts';

const CONFIG = `
providers: { p: { type: openai, base_url: "{{simulator}}/v1", api_key: key-p } }
deployments:
  mini: { provider: p, model: sim, timeout_ms: 5000, limits: { concurrency: 64 }, price: { input: 1, output: 1 } }
  never: { provider: p, model: sim, weight: 0 }
pools: { fast: [mini], parked: [never] }
retry: { max_attempts: 2, backoff: { base_ms: 10, cap_ms: 50 } }
server: { max_body_bytes: 1000000, max_file_bytes: 200000 }
`;
const SIMULATOR = {
  seed: 5,
  accounts: {
    p: { key: 'key-p', format: 'openai', answer: 'echo', latency: { first_token_ms: 1 } },
  },
};

/** Requests under way at once. */
const PARALLEL = 8;
const MOST_FAULTS = 20;

interface Fault {
  number: number;
  what: string;
  fault: string;
  request: string;
}

interface Outcome {
  cases: number;
  faults: Fault[];
  /** How many answers had which status; 0 = none. */
  statuses: Map<number, number>;
  /** The longest that an answer took, ms. */
  slowestMs: number;
  /** What is not as it should be when all is quiet again. */
  remains: string[];
}

interface AttackOptions {
  seed: number;
  from?: number;
  cases: number;
  onProgress?: (done: number) => void;
}

/** Starts a system, attacks it and stops it. */
export async function attack(options: AttackOptions): Promise<Outcome> {
  const system = await System.start({ config: CONFIG, simulator: SIMULATOR });
  try {
    const known = await makeKnown(system);
    const outcome = await bombard(system, known, options);
    outcome.remains.push(...(await remainsOf(system)));
    return outcome;
  } finally {
    await system.stop();
  }
}

async function bombard(system: System, known: Known, options: AttackOptions): Promise<Outcome> {
  const { seed, from = 0, cases, onProgress } = options;
  const outcome: Outcome = { cases, faults: [], statuses: new Map(), slowestMs: 0, remains: [] };
  const port = Number(new URL(system.apiUrl).port);
  let next = from;
  const work = async (): Promise<void> => {
    while (next < from + cases && outcome.faults.length < MOST_FAULTS) {
      const number = next++;
      const one = caseOf(seed, number, known);
      const answer = await send(port, one, TIMEOUT_MS);
      outcome.statuses.set(answer.status, (outcome.statuses.get(answer.status) ?? 0) + 1);
      if (one.cutAt === null) outcome.slowestMs = Math.max(outcome.slowestMs, answer.tookMs);
      const fault = faultOf(one, answer) ?? deathOf(system);
      if (fault !== null)
        outcome.faults.push({ number, what: one.what, fault, request: told(one) });
      onProgress?.(number - from + 1);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return outcome;
}

const told = ({ method, target, body }: HostileCase): string =>
  `${method} ${target.slice(0, 200)} ${JSON.stringify(body.toString('latin1').slice(0, 400))}`;

/** The processes of a system, each of which must outlive everything. */
const PROCESSES = ['api-2', 'dispatcher-3', 'worker-4'];

const deathOf = (system: System): string | null =>
  PROCESSES.filter((name) => !isAlive(system.pid(name)))
    .map((name) => `${name} ended: ${system.logOf(name)}`)
    .at(0) ?? null;

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

type Row = { id: string; status?: string };

async function call<T>(system: System, path: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(system.apiUrl + path, init);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

/** One of each kind of thing, so that requests about them find something. */
async function makeKnown(system: System): Promise<Known> {
  const post = (path: string, body: unknown, type = 'application/json') =>
    call<Row & { input_file_id: string }>(system, path, {
      method: 'POST',
      headers: { 'content-type': type },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const body = { messages: [{ role: 'user', content: 'hi' }] };
  const job = await post('/v1/jobs', { model: 'fast', body });
  const line = { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body: { model: 'fast', ...body } };
  const batch = await post('/v1/batches', JSON.stringify(line), 'application/jsonl');
  const form = { filename: 'a.jsonl', purpose: 'batch', bytes: 9, mime_type: 'text/plain' };
  const upload = await post('/v1/uploads', form);
  return { jobs: [job.id], batches: [batch.id], files: [batch.input_file_id], uploads: [upload.id] };
} // prettier-ignore

/** Every row of a list, page by page. */
async function listed(system: System, path: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (let after = ''; ;) {
    const page = await call<{ data: Row[]; has_more: boolean }>(
      system,
      `${path}?limit=100${after}`,
    );
    rows.push(...page.data);
    const last = page.data.at(-1);
    if (!page.has_more || last === undefined) return rows;
    after = `&after=${last.id}`;
  }
}

const OPEN = new Set([
  'queued',
  'running',
  'validating',
  'in_progress',
  'finalizing',
  'cancelling',
]);

/** Everything accepted must end, every file kept must have its record, and nothing may be half there. */
async function remainsOf(system: System): Promise<string[]> {
  const remains: string[] = [];
  await until(
    'all that was accepted to end',
    async () => {
      const rows = [
        ...(await listed(system, '/v1/jobs')),
        ...(await listed(system, '/v1/batches')),
      ];
      // Jobs with a webhook are of the pool that nobody runs; paused batches wait to be resumed.
      const open = rows.filter((row) => OPEN.has(row.status ?? '') && !isParked(row));
      remains.splice(
        0,
        remains.length,
        ...open.map(({ id, status }) => `${id} is still ${status}`),
      );
      return open.length === 0;
    },
    { timeoutMs: 60_000, everyMs: 500 },
  ).catch(() => undefined);
  if (storedFiles(system).length === 0) remains.push('no file was found in the store at all');
  const records = new Set((await listed(system, '/v1/files')).map(({ id }) => id));
  for (const file of storedFiles(system))
    if (!records.has(file)) remains.push(`the store keeps ${file}, of which there is no record`);
  const death = deathOf(system);
  return death === null ? remains : [...remains, death];
}

const isParked = (
  row: Row & { model?: string; sluice?: { blocked?: unknown[] }; paused?: boolean },
) => row.model === 'parked' || JSON.stringify(row).includes('"paused":true');

function storedFiles(system: System): string[] {
  try {
    return readdirSync(join(system.folder, 'files', 'files'));
  } catch {
    return [];
  }
}
