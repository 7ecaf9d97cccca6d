/**
 * `npm run bench:dark`: three equal deployments drain a batch; one goes dark in mid-run (every connection is closed at
 * once), half a minute later it returns. Real processes, the simulator's own clock and count. Printed: how soon after the
 * breaker's rule is met it gets nothing more but single trials, what the others finish, and how long after its return it
 * has within 10 % of its fair share, a third.
 */
import { parseArgs } from 'node:util';
import { chatBody, chatLines, rowsAt, System, until } from '@sluice/testing';

const { values } = parseArgs({
  options: { 'dark-ms': { type: 'string' }, json: { type: 'boolean', default: false } },
});
const DARK_MS = Number(values['dark-ms'] ?? 30_000);
const BEFORE_MS = 15_000;
const AFTER_MS = 75_000;
const RPM = 1_200;
const NAMES = ['a', 'b', 'c'];
const FAILURES_IN_A_ROW = 5;
/** Share is measured over a window of this length. */
const WINDOW_MS = 5_000;
const FAIR = 1 / NAMES.length;

const perMs = RPM / 60_000;
const lines = Math.round(
  perMs * (NAMES.length * (BEFORE_MS + AFTER_MS) + (NAMES.length - 1) * DARK_MS),
);

const system = await System.start({
  config: `
providers:
${NAMES.map((name) => `  ${name}: { type: openai, base_url: "{{simulator}}/v1", api_key: ${name} }`).join('\n')}
deployments:
${NAMES.map((name) => `  ${name}: { provider: ${name}, model: m, limits: { rpm: ${RPM} } }`).join('\n')}
pools: { fast: [${NAMES.join(', ')}] }
`,
  simulator: {
    ledger: true,
    accounts: Object.fromEntries(
      NAMES.map((key) => [
        key,
        {
          key,
          format: 'openai',
          limits: { rpm: RPM },
          window: 'bucket_1s',
          latency: { first_token_ms: 250 },
        },
      ]),
    ),
  },
});

interface Served {
  account: string;
  /** Simulator's ms. */
  at_ms: number;
  status: number | null;
}

const now = async (): Promise<number> => (await system.simulated<{ now_ms: number }>()).now_ms;

const body = (i: number) => chatBody(`${i}`, { model: 'fast', max_tokens: 5 });

async function batchOf(count: number): Promise<string> {
  const response = await fetch(`${system.apiUrl}/v1/batches?completion_window=1h`, {
    method: 'POST',
    headers: { 'content-type': 'application/jsonl' },
    body: chatLines(count, body, (i) => `l${i}`),
  });
  return ((await response.json()) as { id: string }).id;
}

interface Batch {
  status: string;
  request_counts: { total: number; completed: number; failed: number };
}

const id = await batchOf(lines);
const read = async (): Promise<Batch> =>
  (await (await fetch(`${system.apiUrl}/v1/batches/${id}`)).json()) as Batch;
const done = (share: number) => async (): Promise<boolean> =>
  (await read()).request_counts.completed >= share * lines;

const patience = { timeoutMs: 300_000, everyMs: 250 };
await until('it runs', done((perMs * NAMES.length * BEFORE_MS) / lines), patience);
const darkFrom = await now();
await system.simulate('a', { faults: [{ kind: 'outage' }] });
await until('half a minute of darkness', async () => (await now()) - darkFrom >= DARK_MS, patience);
await system.simulate('a', { faults: [] });
const darkUntil = await now();
await until('everything is done', async () => (await read()).status === 'completed', patience);

const { request_counts: counts } = await read();
const served = await rowsAt<Served>(`${system.simulatorUrl}/_sim/ledger`);
const calls = served.toSorted((one, other) => one.at_ms - other.at_ms);
await system.stop();

const inDark = calls.filter(
  ({ account, at_ms: at }) => account === 'a' && at >= darkFrom && at < darkUntil,
);
/** The fifth failure in a row: there the rule is met. */
const ruleMet = inDark[FAILURES_IN_A_ROW - 1]?.at_ms ?? darkFrom;
const afterRule = inDark.filter(({ at_ms: at }) => at > ruleMet);
/** Calls that come alone are trials of a half-open breaker; the rest was still on its way. */
const stragglers = afterRule.filter(({ at_ms: at }) => at <= ruleMet + 2_000);
const trials = afterRule.length - stragglers.length;
const silentAfterMs = (stragglers.at(-1)?.at_ms ?? ruleMet) - ruleMet;

const lastCall = calls.at(-1)?.at_ms ?? 0;
const shareFrom = (from: number): number => {
  const within = calls.filter(({ at_ms: at }) => at >= from && at < from + WINDOW_MS);
  return within.filter(({ account }) => account === 'a').length / Math.max(1, within.length);
};
const isFair = (share: number): boolean => Math.abs(share - FAIR) <= 0.1 * FAIR;
let fairAt: number | null = null;
for (let from = darkUntil; from + WINDOW_MS <= lastCall; from += 500)
  if (fairAt === null && isFair(shareFrom(from))) fairAt = from;

const firstBack = calls.find(({ account, at_ms: at }) => account === 'a' && at >= darkUntil)?.at_ms;
const result = {
  lines,
  completed: counts.completed,
  failed: counts.failed,
  calls: calls.length,
  limited: calls.filter(({ status }) => status === 429).length,
  silent_after_ms: Math.round(silentAfterMs),
  trials_while_dark: trials,
  dark_ms: Math.round(darkUntil - darkFrom),
  first_call_after_return_ms: firstBack === undefined ? null : Math.round(firstBack - darkUntil),
  fair_after_ms: fairAt === null ? null : Math.round(fairAt - darkUntil),
  share_then: fairAt === null ? null : Number(shareFrom(fairAt).toFixed(3)),
};
const ok =
  counts.completed === lines &&
  silentAfterMs <= 1_000 &&
  result.fair_after_ms !== null &&
  result.fair_after_ms <= 90_000;
if (values.json) console.log(JSON.stringify(result));
else {
  console.log(
    `${lines} lines over three deployments of ${RPM} rpm; one dark for ${result.dark_ms} ms`,
  );
  console.log(
    `finished              ${counts.completed}, failed ${counts.failed}, 429s ${result.limited}`,
  );
  console.log(
    `share 0               ${result.silent_after_ms} ms after the rule is met (at most 1,000)`,
  );
  console.log(`trials while dark     ${trials}`);
  console.log(`first call            ${result.first_call_after_return_ms} ms after its return`);
  console.log(
    `within 10 % of fair   ${result.fair_after_ms} ms after its return (at most 90,000), share ${result.share_then}`,
  );
}
process.exit(ok ? 0 : 1);
