/**
 * `npm run bench:drain`: the requests of the Azure traces (code and conversation, 2023) as one batch in the order of their
 * times, over four deployments of different shapes (scenario.ts), through real Redis, processes and HTTP. Prints how long the
 * drain took by the simulator's clock beside T*. `--strategy weighted` (or any other, or several with commas) instead of the
 * plan; `--jobs N` for a sample; `--seconds S` scales the limits to another length.
 */
import { parseArgs } from 'node:util';
import { idealDrain } from '@sluice/planning';
import type { System } from '@sluice/testing';
import { TRACES, promptOf } from '../azure.ts';
import { ended, postBatch } from '../batches.ts';
import { readLedger } from '../provider-count.ts';
import { atMost, beside, printRows } from '../row.ts';
import type { Row } from '../row.ts';
import { withSystem } from '../with-system.ts';
import { configOf, problemOf, readRequests, scaledLimits, simulatorOptions } from './scenario.ts';
import type { ServedCall } from './scenario.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: TRACES },
    strategy: { type: 'string', default: 'capacity' },
    jobs: { type: 'string', default: 'Infinity' },
    seconds: { type: 'string', default: '120' },
  },
});
/** What the default is held to; other strategies are measured beside it. */
const JUDGED = 'capacity';
const BOUND = 1.1;

const { all, requests } = readRequests(values.data, Number(values.jobs));
const limits = scaledLimits(requests.length / all, Number(values.seconds));
const mean = {
  input: requests.reduce((sum, { input }) => sum + input, 0) / requests.length,
  output: requests.reduce((sum, { output }) => sum + output, 0) / requests.length,
};

const rows: Row[] = [];
for (const strategy of values.strategy.split(',')) {
  const options = {
    config: configOf(limits, mean, strategy),
    simulator: simulatorOptions(limits),
    env: { LOG_LEVEL: 'info' },
  };
  rows.push(...(await withSystem(options, (system) => drain(system, strategy))));
}
console.log(`${requests.length} requests over four deployments of different shapes`);
printRows(rows);

async function drain(system: System, strategy: string): Promise<Row[]> {
  const id = await postBatch(
    system,
    requests.map(({ input, output }) => ({
      model: 'mixed',
      max_tokens: output,
      messages: [{ role: 'user', content: promptOf(input) }],
    })),
  );
  const batch = await ended(system, id);
  const served = await readLedger<ServedCall>(system);
  const ok = served.filter((call) => call.end === 'ok');
  const wrong = Math.abs(requests.length - ok.length) + batch.request_counts.failed;
  if (wrong > 0) showLogs(system);
  console.log(`${strategy}: ${batch.status} ${JSON.stringify(batch.request_counts)}`);
  return [
    ...(await timesOf(served, ok, strategy)),
    atMost('  jobs failed, or not answered just once', wrong, 0),
  ];
}

async function timesOf(
  served: readonly ServedCall[],
  ok: readonly ServedCall[],
  strategy: string,
): Promise<Row[]> {
  const first = Math.min(...served.map((call) => call.at_ms));
  const drainMs = Math.max(...ok.map((call) => call.ended_ms ?? 0)) - first;
  const ideal = await idealDrain(problemOf(ok, limits));
  const idealMs = ideal.kind === 'solved' ? ideal.idealMs : Number.NaN;
  const limited = served.filter((call) => call.end === 'limited').length;
  const ratio = drainMs / idealMs;
  const perThousand = (1_000 * limited) / served.length;
  const judged = strategy === JUDGED;
  const shares = Object.keys(limits).map(
    (each) => `${each} ${ok.filter((call) => call.account === each).length}`,
  );
  console.log(`${strategy}: ${shares.join(', ')}`);
  return [
    judged
      ? atMost(`drain / T*, ${strategy}`, ratio, BOUND)
      : beside(`drain / T*, ${strategy}`, ratio.toFixed(3)),
    beside('  drain · T*', `${(drainMs / 1_000).toFixed(1)} s · ${(idealMs / 1_000).toFixed(1)} s`),
    judged
      ? atMost('  429s per 1,000 calls', perThousand, 1)
      : beside('  429s per 1,000 calls', perThousand.toFixed(2)),
  ];
}

function showLogs(system: System): void {
  for (const role of ['dispatcher', 'worker'] as const)
    for (const name of system.names(role)) console.log(system.logOf(name));
}
