/**
 * `npm run bench:drain`: the requests of the Azure traces (code and conversation, 2023) as one batch in the order of their
 * times, over four deployments of different shapes (scenario.ts), through real Redis, processes and HTTP. Prints how long the
 * drain took by the simulator's clock and T*. `--strategy round_robin` (or any other) instead of the plan; `--lines N` for a
 * sample; `--seconds S` scales the limits to another length.
 */
import { openAsBlob, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { idealDrain } from '@sluice/planning';
import { System, until } from '@sluice/testing';
import {
  configOf,
  problemOf,
  promptOf,
  readRequests,
  scaledLimits,
  simulatorOptions,
} from './scenario.ts';
import type { ServedCall } from './scenario.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: '../shared/data/azure-llm-2023' },
    strategy: { type: 'string', default: 'capacity' },
    lines: { type: 'string', default: 'Infinity' },
    seconds: { type: 'string', default: '120' },
  },
});
const BOUND = 1.1;

const { all, requests } = readRequests(values.data, Number(values.lines));
const limits = scaledLimits(requests.length / all, Number(values.seconds));
const mean = {
  input: requests.reduce((sum, { input }) => sum + input, 0) / requests.length,
  output: requests.reduce((sum, { output }) => sum + output, 0) / requests.length,
};
const system = await System.start({
  config: configOf(limits, mean, values.strategy),
  simulator: simulatorOptions(limits),
  env: { LOG_LEVEL: 'info' },
});

const inputPath = join(system.folder, 'azure.jsonl');
const lines = requests.map(({ input, output }, i) =>
  JSON.stringify({
    custom_id: `r-${i}`,
    method: 'POST',
    url: '/v1/chat/completions',
    body: {
      model: 'mixed',
      max_tokens: output,
      messages: [{ role: 'user', content: promptOf(input) }],
    },
  }),
);
writeFileSync(inputPath, `${lines.join('\n')}\n`);

const form = new FormData();
form.set('purpose', 'batch');
form.set('file', await openAsBlob(inputPath), 'azure.jsonl');
const file = await post('/v1/files', form);
const { id } = await post(
  '/v1/batches',
  JSON.stringify({
    input_file_id: file.id,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  }),
);
const batch = await until(
  'the batch',
  async () => {
    const now = (await (await fetch(`${system.apiUrl}/v1/batches/${id}`)).json()) as BatchObject;
    return ['completed', 'failed', 'expired', 'cancelled'].includes(now.status) ? now : null;
  },
  { timeoutMs: 900_000, everyMs: 500 },
);
const served = await calls();
await report();
await system.stop();

interface BatchObject {
  id: string;
  status: string;
  request_counts: { total: number; completed: number; failed: number };
}

async function post(path: string, body: FormData | string): Promise<{ id: string }> {
  const headers: Record<string, string> =
    typeof body === 'string' ? { 'content-type': 'application/json' } : {};
  const response = await fetch(`${system.apiUrl}${path}`, { method: 'POST', body, headers });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as { id: string };
}

async function calls(): Promise<ServedCall[]> {
  const response = await fetch(`${system.simulatorUrl}/_sim/ledger`);
  return (await response.text())
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as ServedCall);
}

async function report(): Promise<void> {
  const ok = served.filter((call) => call.end === 'ok');
  const limited = served.filter((call) => call.end === 'limited').length;
  const first = Math.min(...served.map((call) => call.at_ms));
  const drainMs = Math.max(...ok.map((call) => call.ended_ms ?? 0)) - first;
  const ideal = await idealDrain(problemOf(ok, limits));
  const idealMs = ideal.kind === 'solved' ? ideal.idealMs : Number.NaN;
  const shares = Object.keys(limits).map(
    (each) => `${each} ${ok.filter((call) => call.account === each).length}`,
  );
  const perThousand = (1_000 * limited) / served.length;
  console.log(
    `batch        ${batch.status} · ${JSON.stringify(batch.request_counts)} · strategy ${values.strategy}`,
  );
  console.log(
    `calls        ${served.length}: ok ${ok.length}, limited (429) ${limited} (${perThousand.toFixed(2)} per 1,000)`,
  );
  console.log(`deployments  ${shares.join(', ')}`);
  console.log(
    `drain        ${(drainMs / 1000).toFixed(1)} s · T* ${(idealMs / 1000).toFixed(1)} s · ratio ${(drainMs / idealMs).toFixed(3)} (bound ${BOUND})`,
  );
  const whole = ok.length === requests.length && batch.request_counts.failed === 0;
  const judged = values.strategy === 'capacity';
  if (!whole || (judged && (drainMs / idealMs > BOUND || perThousand > 1))) process.exitCode = 1;
  if (process.exitCode)
    for (const role of ['dispatcher', 'worker'] as const)
      for (const name of system.names(role)) console.log(system.logOf(name));
}
