/**
 * `npm run bench:interactive`: interactive jobs with half of a budget, arriving at random (Poisson), and a batch behind that
 * takes the rest. Measured: from POST to the provider's receipt of the call, less the median of the same on the idle
 * system; and how much of the limit is used meanwhile, both by the provider's count. `--minutes N` (3). `--volatile`: a Redis in
 * memory only, which says how much of the wait the machine's disk has made.
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { seededRandom, until } from '@sluice/testing';
import type { System } from '@sluice/testing';
import { TRACES, echoedBody, readTraces } from './azure.ts';
import { postBatch } from './batches.ts';
import { between, now, read, readLedger, waitUntil, zeroOf } from './provider-count.ts';
import { atLeast, atMost, beside, printRows } from './row.ts';
import type { Row } from './row.ts';
import { withSystem } from './with-system.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '3' },
    data: { type: 'string', default: TRACES },
    ledger: { type: 'string' },
    volatile: { type: 'boolean', default: false },
  },
});
const MINUTES = Number(values.minutes);
const TPM = 2_000_000;
const WARM_UP = 50;
const IDLE_JOBS = 100;
const IDLE_EVERY_MS = 250;
/** The batch is alone for so long first. */
const BATCH_ALONE_MS = 10_000;

const requests = readTraces(values.data, ['conv']);
const tokens = requests.reduce((sum, { input, output }) => sum + input + output, 0);
const mean = tokens / requests.length;
const sizeOf = (i: number): (typeof requests)[number] =>
  requests[i % requests.length] as (typeof requests)[number];
const random = seededRandom(98);

const CONFIG = `
providers: { p: { type: openai, base_url: "{{simulator}}/v1", api_key: key, accounting: { output: actual } } }
deployments: { d: { provider: p, model: m, limits: { tpm: ${TPM} } } }
pools: { fast: [d] }
`;
const simulator = {
  ledger: true,
  accounts: {
    d: {
      key: 'key',
      format: 'openai',
      window: 'bucket_1s',
      charge: 'actual',
      answer: 'echo',
      limits: { tpm: TPM },
      latency: { first_token_ms: 300, per_input_token_ms: 0.05, per_output_token_ms: 15 },
    },
  },
};

/** A job's name in the provider's ledger, and when it was posted. */
type Posted = Map<string, number>;

console.log(`interactive jobs with half of ${TPM} tokens a minute, a batch behind`);
printRows(await withSystem({ config: CONFIG, simulator, volatile: values.volatile }, measure));

async function measure(system: System): Promise<Row[]> {
  await oneByOne(system, 'warm-up', WARM_UP);
  const alone = await oneByOne(system, 'idle', IDLE_JOBS);
  await postBatch(system, backlog());
  console.log('the idle system is measured, the batch is posted');
  await waitUntil(Date.now() + BATCH_ALONE_MS, async () => {});
  const from = await read(system);
  const live = await poisson(system);
  const span = [from, await read(system)] as const;
  const received = await receivedBy(system, live);
  if (values.ledger)
    writeFileSync(values.ledger, JSON.stringify({ live: [...live], received: [...received] }));
  const idle = waits(alone, await receivedBy(system, alone));
  const beyond = waits(live, received).map((wait) => wait - quantile(idle, 0.5));
  const { used, calls, limited } = between(span, { account: 'd', tpm: TPM });
  return [
    atMost(`wait of ${live.size} interactive jobs, p99`, quantile(beyond, 0.99), 100, ' ms'),
    beside(
      '  p50 · p90 · p99.9',
      [0.5, 0.9, 0.999].map((q) => ms(quantile(beyond, q))).join(' · '),
    ),
    beside('  taken off: p50 idle', ms(quantile(idle, 0.5))),
    beside('  p99 idle', ms(quantile(idle, 0.99))),
    atLeast('of the limit used', used, 97, ' %'),
    beside('  429s', `${limited} of ${calls}`),
  ];
}

/** As much as the whole budget could do meanwhile: it never runs out. */
function* backlog(): Generator<object> {
  const lines = Math.ceil((TPM * (MINUTES + 1)) / mean);
  for (let i = 0; i < lines; i += 1) yield echoedBody('fast', sizeOf(i * 7));
}

/** One job every so often, far below the limit. */
async function oneByOne(system: System, name: string, count: number): Promise<Posted> {
  const posted: Posted = new Map();
  for (let i = 0; i < count; i += 1) {
    await Promise.all([post(system, posted, `${name}-${i}`), sleep(IDLE_EVERY_MS)]);
  }
  return posted;
}

/** Arrivals at a mean rate, without memory: each is posted at its time, whatever became of the one before. */
async function poisson(system: System): Promise<Posted> {
  const perMs = TPM / 2 / mean / 60_000;
  const posted: Posted = new Map();
  const posting: Promise<string>[] = [];
  const began = now();
  let shown = began;
  for (let at = began; at < began + MINUTES * 60_000; at -= Math.log(1 - random()) / perMs) {
    await sleep(Math.max(0, at - now()));
    const one = post(system, posted, `live-${posting.length}`);
    // Awaited at the end; until then nobody else looks at it.
    one.catch(() => {});
    posting.push(one);
    if (at - shown > 10_000) {
      shown = at;
      console.log(`${((at - began) / 1_000).toFixed(0).padStart(4)} s  ${posting.length} jobs`);
    }
  }
  await Promise.all(posting);
  return posted;
}

async function post({ apiUrl }: System, posted: Posted, name: string): Promise<string> {
  const i = posted.size;
  posted.set(name, now());
  const body = { ...echoedBody('fast', sizeOf(i)), metadata: { n: name } };
  const response = await fetch(`${apiUrl}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'fast', priority: 'interactive', body }),
  });
  if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`);
  return ((await response.json()) as { id: string }).id;
}

interface Call {
  at_ms: number;
  end: string | null;
  metadata: { n?: string } | null;
}

/** When the provider took in the call of each of these jobs; one that it answered with 429 counts when it came again. */
function receivedBy(system: System, posted: Posted): Promise<Map<string, number>> {
  return until(
    'every call',
    async () => {
      const zero = await zeroOf(system);
      const calls = await readLedger<Call>(system);
      const taken = calls.flatMap(({ at_ms: at, end, metadata }) =>
        end !== 'limited' && posted.has(metadata?.n ?? '')
          ? [[metadata?.n as string, zero + at] as const]
          : [],
      );
      const received = new Map(taken.toReversed());
      return received.size === posted.size && received;
    },
    { timeoutMs: 60_000, everyMs: 1_000 },
  );
}

function waits(posted: Posted, received: Map<string, number>): number[] {
  return [...posted].map(([name, at]) => (received.get(name) as number) - at);
}

function quantile(all: readonly number[], q: number): number {
  const at = Math.min(all.length - 1, Math.floor(all.length * q));
  return all.toSorted((a, b) => a - b)[at] as number;
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}
