/**
 * `npm run bench:gsm8k`: the 1,319 GSM8K questions as one batch, through the unmodified official client, over four
 * deployments of different limits (scenario.ts). Prints how long the drain took by the simulator's clock, T*, and what went
 * wrong: with `--faults` one deployment answers 500 throughout, one hangs for a while, one refuses its credential and a
 * worker is killed in mid-run.
 */
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import OpenAI6 from 'openai';
import OpenAI5 from 'openai-5';
import { idealDrain } from '@sluice/planning';
import { chatBody, chatLine, rowsAt, rowsOf, System, until } from '@sluice/testing';
import { CONFIG, problemOf, simulatorOptions } from './scenario.ts';
import type { ServedCall } from './scenario.ts';

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    client: { type: 'string' },
    faults: { type: 'boolean' },
    lines: { type: 'string' },
  },
});
const DATA = values.data ?? '../shared/data/gsm8k/test.jsonl';
const MAX_TOKENS = 256;

const questions = rowsOf<{ question: string }>(readFileSync(DATA, 'utf8'))
  .map(({ question }) => question)
  .slice(0, Number(values.lines ?? Infinity));

const FAULTS = {
  b: [{ kind: 'error', status: 500 }],
  c: [{ kind: 'hang', from: 'first_call', at_ms: 5_000, for_ms: 8_000 }],
  d: [{ kind: 'refuse_credential' }],
};

const system = await System.start({
  config: CONFIG,
  simulator: simulatorOptions(values.faults ? FAULTS : {}),
  roles: { worker: values.faults ? 2 : 1 },
  env: { LOG_LEVEL: 'info' },
});
const Client = values.client === '5' ? OpenAI5 : OpenAI6;
const client = new Client({ baseURL: `${system.apiUrl}/v1`, apiKey: 'any' }) as OpenAI6;

const inputPath = join(system.folder, 'gsm8k.jsonl');
const lines = questions.map((content, i) =>
  chatLine(`q-${i}`, chatBody(content, { model: 'maths', max_tokens: MAX_TOKENS })),
);
writeFileSync(inputPath, `${lines.join('\n')}\n`);

const file = await client.files.create({ file: createReadStream(inputPath), purpose: 'batch' });
let batch = await client.batches.create({
  input_file_id: file.id,
  endpoint: '/v1/chat/completions',
  completion_window: '24h',
});
if (values.faults) {
  await until(
    'a fifth of the lines',
    async () => {
      const { request_counts: counts } = await client.batches.retrieve(batch.id);
      return (counts?.completed ?? 0) > questions.length / 5;
    },
    { timeoutMs: 120_000, everyMs: 100 },
  );
  await system.end(system.names('worker')[0] as string, 'SIGKILL');
}
batch = await until(
  'the batch',
  async () => {
    const now = await client.batches.retrieve(batch.id);
    return ['completed', 'failed', 'expired', 'cancelled'].includes(now.status) ? now : null;
  },
  { timeoutMs: 600_000, everyMs: 250 },
);

const content = batch.output_file_id
  ? await (await client.files.content(batch.output_file_id)).text()
  : '';
const rows = rowsOf<OutputLine>(content);
const served = await rowsAt<ServedCall>(`${system.simulatorUrl}/_sim/ledger`);
const ok = served.filter((call) => call.end === 'ok');
const first = Math.min(...served.map((call) => call.at_ms));
const last = Math.max(...ok.map((call) => call.ended_ms ?? 0));
const ideal = await idealDrain(problemOf(ok, MAX_TOKENS));
const idealMs = ideal.kind === 'solved' ? ideal.idealMs : Number.NaN;

report();
if (process.env['TIMELINE']) writeFileSync(process.env['TIMELINE'], JSON.stringify(served));
if (process.exitCode)
  for (const role of ['dispatcher', 'worker'] as const)
    for (const name of system.names(role)) console.log(system.logOf(name));
await system.stop();

interface OutputLine {
  custom_id: string;
  response: {
    status_code: number;
    body: {
      choices: { message: { content: string } }[];
      usage: { prompt_tokens: number; completion_tokens: number };
    };
  };
}

function report(): void {
  const ids = new Set(rows.map((row) => row.custom_id));
  const right = rows.filter(
    (row) =>
      row.response.body.choices[0]?.message.content === questions[Number(row.custom_id.slice(2))],
  );
  const input = rows.reduce((sum, row) => sum + row.response.body.usage.prompt_tokens, 0);
  const output = rows.reduce((sum, row) => sum + row.response.body.usage.completion_tokens, 0);
  const count = (end: string): number => served.filter((call) => call.end === end).length;
  const perKey = new Map<string | null, number>();
  for (const call of ok) perKey.set(call.key, (perKey.get(call.key) ?? 0) + 1);
  const repeated = [...perKey.values()].filter((times) => times > 1).length;
  const { usage } = batch as unknown as { usage?: { input_tokens: number; output_tokens: number } };
  console.log(
    `client       openai ${values.client === '5' ? '5' : '6'} · batch ${batch.status} · ${JSON.stringify(batch.request_counts)}`,
  );
  console.log(
    `lines        ${rows.length} in the output, ${ids.size} different custom_ids, ${right.length} with the answer to their own question (of ${questions.length})`,
  );
  console.log(
    `usage        batch ${usage?.input_tokens} in, ${usage?.output_tokens} out · lines ${input} in, ${output} out`,
  );
  console.log(
    `calls        ${served.length}: ok ${ok.length}, limited (429) ${count('limited')}, failed ${count('failed')}, aborted ${count('aborted')}, dropped ${count('dropped')}`,
  );
  console.log(`repeated     ${repeated} questions answered more than once`);
  console.log(
    `deployments  ${['a', 'b', 'c', 'd'].map((id) => `${id} ${ok.filter((call) => call.account === id).length}`).join(', ')}`,
  );
  console.log(
    `drain        ${((last - first) / 1000).toFixed(2)} s · T* ${(idealMs / 1000).toFixed(2)} s · ratio ${((last - first) / idealMs).toFixed(3)}${values.faults ? ' (T* of the healthy fleet)' : ' (bound 1.06)'}`,
  );
  const whole =
    rows.length === questions.length &&
    ids.size === questions.length &&
    right.length === questions.length;
  const clean =
    values.faults || (count('limited') === 0 && repeated === 0 && (last - first) / idealMs <= 1.06);
  if (!whole || !clean) process.exitCode = 1;
}
