/**
 * `npm run bench:rolling` (`-- --rate N`): every role runs twice and is restarted, one process after the other, while clients
 * go on sending single, interactive jobs and a batch drains beside them. Nobody may be told an error other than 503 with Retry-After,
 * nothing be lost, nothing be called twice, and placing must go on within two seconds of a leader's end: so long may no call
 * of a single job begin. Beside it stands the longest wait of a job, from being sent to its call; a busy machine has such
 * waits without any restart.
 */
import { parseArgs } from 'node:util';
import { chatLines, System, freePort, until } from '@sluice/testing';
import type { RoleName } from '@sluice/testing';
import { Client } from './client.ts';

const { values: flags } = parseArgs({
  options: { rate: { type: 'string' }, settle: { type: 'string' } },
});
/** Jobs a second. */
const RATE = Number(flags.rate ?? 500);
/** Seconds between two restarts. */
const SETTLE = Number(flags.settle ?? 3);
const LINES = RATE * 40;
const BOUND_MS = 2_000;
const TICK_MS = 20;
/** Requests under way: beyond it the machine cannot do more, and jobs are skipped. */
const MOST_OPEN = 512;
const CALL_MS = 200;

/** Far more than is sent: a wait is then placing that stopped, and nothing else. The batch has a limit of its own, to last. */
const RPM = Math.max(RATE * 120, 12_000);
const limitsOf = (rpm: number): string => `limits: { rpm: ${rpm}, concurrency: 4000 }`;
const account = (key: string, rpm: number) => ({
  key,
  format: 'openai',
  latency: { first_token_ms: CALL_MS },
  limits: { rpm },
});
const other = await freePort();
const system = await System.start({
  config: `
providers:
  one: { type: openai, base_url: "{{simulator}}/v1", api_key: one }
  two: { type: openai, base_url: "{{simulator}}/v1", api_key: two }
  three: { type: openai, base_url: "{{simulator}}/v1", api_key: three }
deployments:
  a: { provider: one, model: m, ${limitsOf(RPM)} }
  b: { provider: two, model: m, ${limitsOf(RPM)} }
  c: { provider: three, model: m, ${limitsOf(RATE * 60)} }
pools: { fast: [a, b], many: [c] }
`,
  simulator: {
    ledger: true,
    accounts: {
      one: account('one', RPM),
      two: account('two', RPM),
      three: account('three', RATE * 60),
    },
  },
  roles: { dispatcher: 2, worker: 2 },
});
await system.launch('api', [], { PORT: String(other) });
const ports = [new URL(system.apiUrl).port, String(other)];
const client = new Client(ports.map((port) => `http://127.0.0.1:${port}`));

interface Sent {
  id: string;
  at: number;
}
interface Restart {
  name: string;
  at: number;
  tookMs: number;
}
interface Job {
  status: string;
  attempts: { started_at: number }[];
}
interface Batch {
  id: string;
  status: string;
  request_counts: { completed: number; failed: number };
}

const sent: Sent[] = [];
const load = { on: true, open: 0, skipped: 0, posted: 0 };

const chat = (content: string) => ({ max_tokens: 16, messages: [{ role: 'user', content }] });

async function sendOne(): Promise<void> {
  const at = Date.now();
  load.open += 1;
  const n = (load.posted += 1);
  const order = { model: 'fast', priority: 'interactive', body: chat(`single ${n}`) };
  const job = await client.ask<{ id: string }>('POST', '/v1/jobs', order);
  load.open -= 1;
  if (job) sent.push({ id: job.id, at });
}

/** So many a second by the clock, whatever the answers take. */
async function sendAll(): Promise<void> {
  const began = performance.now();
  for (let due = 0; load.on;) {
    const sum = ((performance.now() - began) / 1000) * RATE;
    for (; due < sum; due++) {
      if (load.open < MOST_OPEN) void sendOne();
      else load.skipped += 1;
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
}

async function startBatch(): Promise<string> {
  const lines = chatLines(LINES, (i) => ({ model: 'many', ...chat(`line ${i}`) }));
  const batch = await client.ask<Batch>('POST', '/v1/batches', lines);
  if (!batch) throw new Error('the batch was refused');
  return batch.id;
}

const pause = (seconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** One process after the other, each by SIGTERM, then a new one in its place. */
async function restart(role: RoleName): Promise<Restart[]> {
  const done: Restart[] = [];
  for (const [i, name] of system.names(role).entries()) {
    const at = Date.now();
    await system.end(name);
    const tookMs = Date.now() - at;
    await system.launch(role, [], role === 'api' ? { PORT: ports[i] as string } : {});
    done.push({ name, at, tookMs });
    console.log(`${name}: ended after ${tookMs} ms, another one up after ${Date.now() - at} ms`);
    await pause(SETTLE);
  }
  return done;
}

async function readJobs(): Promise<{ sent: Sent; job: Job }[]> {
  const found: { sent: Sent; job: Job }[] = [];
  const left = [...sent];
  const read = async (): Promise<void> => {
    for (let one = left.pop(); one; one = left.pop()) {
      const { id } = one;
      const ended = async (): Promise<Job | null> => {
        const job = await client.ask<Job>('GET', `/v1/jobs/${id}`);
        return job && !['queued', 'running'].includes(job.status) ? job : null;
      };
      const job = await until(id, ended, { timeoutMs: 600_000, everyMs: 100 });
      found.push({ sent: one, job });
    }
  };
  await Promise.all(Array.from({ length: 16 }, read));
  return found;
}

interface Call {
  key: string;
  account: string;
  at_ms: number;
  status: number | null;
  end: string | null;
}

/** What the provider got, by request. */
async function calls(): Promise<Map<string, Call[]>> {
  const text = await (await fetch(`${system.simulatorUrl}/_sim/ledger`)).text();
  const byKey = new Map<string, Call[]>();
  for (const line of text.split('\n').filter(Boolean)) {
    const call = JSON.parse(line) as Call;
    byKey.set(call.key, [...(byKey.get(call.key) ?? []), call]);
  }
  return byKey;
}

let missed = 0;
function row(what: string, measured: string, bound: string, ok: boolean): void {
  if (!ok) missed += 1;
  console.log(
    `${what.padEnd(48)} ${measured.padStart(30)} · ${bound.padEnd(8)} · ${ok ? 'ok' : 'missed'}`,
  );
}

const startOf = ({ job }: { job: Job }): number =>
  (job.attempts[0]?.started_at ?? Number.NaN) * 1000;
const waitOf = (one: { sent: Sent; job: Job }): number => startOf(one) - one.sent.at;

/** From a second before a restart to three after its end. */
const isNear = (restarts: readonly Restart[], moment: number): boolean =>
  restarts.some(({ at, tookMs }) => moment >= at - 1_000 && moment <= at + tookMs + 3_000);

const longestGap = (starts: readonly number[]): number =>
  Math.max(0, ...starts.slice(1).map((start, i) => start - (starts[i] as number)));

const quantile = (all: number[], q: number): number =>
  all.toSorted((a, b) => a - b)[Math.floor((all.length - 1) * q)] ?? Number.NaN;

async function measure(): Promise<void> {
  const began = Date.now();
  const sending = sendAll();
  const batchId = await startBatch();
  await pause(SETTLE);
  const restarts: Restart[] = [];
  for (const role of ['api', 'dispatcher', 'worker'] as const)
    restarts.push(...(await restart(role)));
  load.on = false;
  await sending;
  await until('the last answers', () => load.open === 0, { timeoutMs: 60_000 });
  const seconds = (Date.now() - began) / 1000;
  const jobs = await readJobs();
  const batch = await until(
    'the batch',
    async () => {
      const now = await client.ask<Batch>('GET', `/v1/batches/${batchId}`);
      return now?.status === 'completed' ? now : null;
    },
    { timeoutMs: 600_000, everyMs: 200 },
  );
  const called = await calls();
  const repeated = [...called.values()].filter((all) => all.length > 1);
  const twice = repeated.length;
  for (const all of repeated) {
    const how = all.map(
      ({ account: at, at_ms, status, end }) => `${at} at ${at_ms.toFixed(0)}: ${end} ${status}`,
    );
    console.log(`called twice: ${how.join(', ')}`);
  }

  console.log(
    `${(sent.length / seconds).toFixed(0)} single jobs/s for ${seconds.toFixed(0)} s (${load.skipped} of ${RATE}/s not sent: ${MOST_OPEN} were open), beside a batch of ${LINES}`,
  );
  const { stopping, refused, errors } = client.told;
  console.log(
    `sent again: ${stopping} after 503 with Retry-After, ${refused} after a refused connection`,
  );
  for (const [what, count] of errors) console.log(`error: ${count} × ${what}`);
  const failures = [...errors.values()].reduce((sum, count) => sum + count, 0);
  row('errors told to clients', String(failures), '0', failures === 0);
  const lost = jobs.filter(({ job }) => job.status !== 'succeeded').length;
  const { completed } = batch.request_counts;
  row('jobs that did not succeed', `${lost} of ${jobs.length}`, '0', lost === 0);
  row('lines of the batch that succeeded', String(completed), String(LINES), completed === LINES);
  row('requests the provider got twice', String(twice), '0', twice === 0);
  const heard = called.size - sent.length - LINES;
  row('requests the provider got that nobody sent', String(heard), '0', heard === 0);
  const waits = jobs.map(waitOf);
  console.log(
    `wait of a single job, POST to call: p50 ${quantile(waits, 0.5).toFixed(0)} ms, p99 ${quantile(waits, 0.99).toFixed(0)} ms`,
  );
  const starts = jobs.map(startOf).toSorted((a, b) => a - b);
  const calm = jobs.filter(({ sent: one }) => !isNear(restarts, one.at));
  console.log(
    `longest wait away from any restart: ${Math.max(0, ...calm.map(waitOf)).toFixed(0)} ms`,
  );
  for (const one of restarts) {
    const wait = Math.max(...jobs.filter(({ sent: job }) => isNear([one], job.at)).map(waitOf));
    const gap = longestGap(starts.filter((start) => isNear([one], start)));
    const measured = `${gap.toFixed(0)} ms (wait ${wait.toFixed(0)})`;
    row(`no call began, restart of ${one.name}`, measured, `${BOUND_MS} ms`, gap <= BOUND_MS);
  }
}

try {
  await measure();
} finally {
  load.on = false;
  await system.stop();
}
if (missed > 0) process.exitCode = 1;
