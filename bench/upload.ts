/**
 * `npm run bench:upload` (`-- --mib N`): a large file in parts of 64 MiB, joined with its MD5 checked, then validated as a
 * batch. How fast each step is, what it costs in memory, and how long anybody else waits for an answer meanwhile: another
 * client asks `GET /healthz` all the time, and reads the batch while it is validated.
 */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { System, until } from '@sluice/testing';
import { send } from './million/input.ts';
import { processesOf } from './processes.ts';

const { values: flags } = parseArgs({ options: { mib: { type: 'string' } } });
const MIB = 1024 * 1024;
const PART_BYTES = 64 * MIB;
const LINE_BYTES = 8 * 1024;
const PARTS = Math.ceil(Number(flags.mib ?? 1_024) / 64);
const RESIDENT_MIB = 400;
const ANSWER_MS = 1_000;

const system = await System.start({
  config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: sim } }
deployments: { slow: { provider: sim, model: m, limits: { rpm: 60 } } }
pools: { fast: [slow] }
`,
  simulator: { accounts: { sim: { key: 'sim', format: 'openai' } } },
});

/** Lines of 8 KiB: a part holds whole ones. */
function partOf(part: number): Buffer {
  const bytes = Buffer.alloc(PART_BYTES, 'x');
  const perPart = PART_BYTES / LINE_BYTES;
  for (let i = 0; i < perPart; i++) {
    const id = `line-${String(part * perPart + i).padStart(9, '0')}`;
    const head = `{"custom_id":"${id}","method":"POST","url":"/v1/chat/completions","body":{"model":"fast","max_tokens":16,"messages":[{"role":"user","content":"`;
    bytes.write(head, i * LINE_BYTES);
    bytes.write('"}]}}\n', (i + 1) * LINE_BYTES - 6);
  }
  return bytes;
}

/** Runs a task while another client asks all the time; how long the task took, and the longest answer meanwhile. */
async function beside<T>(path: string, task: () => Promise<T>) {
  const asking = { on: true, longestMs: 0 };
  const ask = async (): Promise<void> => {
    while (asking.on) {
      const began = performance.now();
      await (await fetch(system.apiUrl + path)).arrayBuffer();
      asking.longestMs = Math.max(asking.longestMs, performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const asked = ask();
  const began = performance.now();
  const result = await task();
  const seconds = (performance.now() - began) / 1000;
  asking.on = false;
  await asked;
  return { result, seconds, longestMs: asking.longestMs };
}

let missed = 0;
function row(what: string, measured: string, bound: string, ok: boolean): void {
  if (!ok) missed += 1;
  console.log(
    `${what.padEnd(44)} ${measured.padStart(24)} · ${bound.padEnd(9)} · ${ok ? 'ok' : 'missed'}`,
  );
}

const speed = (seconds: number): string =>
  `${seconds.toFixed(1)} s, ${((PARTS * 64) / seconds).toFixed(0)} MiB/s`;

async function sendParts(upload: string): Promise<{ ids: string[]; md5: string }> {
  const hash = createHash('md5');
  const ids: string[] = [];
  for (let i = 0; i < PARTS; i++) {
    const bytes = partOf(i);
    hash.update(bytes);
    const form = new FormData();
    form.append('data', new Blob([bytes]));
    const url = `${system.apiUrl}/v1/uploads/${upload}/parts`;
    ids.push((await send<{ id: string }>(url, 'POST', form)).id);
  }
  return { ids, md5: hash.digest('hex') };
}

async function measure(): Promise<void> {
  const api = system.apiUrl;
  const about = { filename: 'large.jsonl', purpose: 'batch', mime_type: 'application/jsonl' };
  const bytes = PARTS * PART_BYTES;
  const upload = await send<{ id: string }>(`${api}/v1/uploads`, 'POST', { ...about, bytes });
  const sent = await beside('/healthz', () => sendParts(upload.id));
  console.log(`${PARTS} parts sent: ${speed(sent.seconds)}, the client's own work included`);
  const { ids, md5 } = sent.result;
  const joined = await beside('/healthz', () =>
    send<{ file: { id: string } }>(`${api}/v1/uploads/${upload.id}/complete`, 'POST', {
      part_ids: ids,
      md5,
    }),
  );
  console.log(`joined, its MD5 checked: ${speed(joined.seconds)}`);
  const batch = await send<{ id: string }>(`${api}/v1/batches`, 'POST', {
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
    input_file_id: joined.result.file.id,
  });
  const path = `/v1/batches/${batch.id}`;
  const begun = async (): Promise<string | null> => {
    const { status } = await send<{ status: string }>(api + path, 'GET');
    return status === 'validating' ? null : status;
  };
  const limits = { timeoutMs: 3_600_000, everyMs: 50 };
  const validated = await beside(path, () => until('validation', begun, limits));
  console.log(`validated: ${speed(validated.seconds)}`);
  row('the batch is', validated.result, 'in_progress', validated.result === 'in_progress');
  for (const [what, { longestMs }] of Object.entries({ sent, joined, validated }))
    row(
      `longest answer to others: ${what}`,
      `${longestMs.toFixed(0)} ms`,
      `${ANSWER_MS} ms`,
      longestMs <= ANSWER_MS,
    );
  for (const { name, peakBytes } of processesOf(system)) {
    const mib = peakBytes / MIB;
    row(
      `${name} resident at its peak`,
      `${mib.toFixed(0)} MiB`,
      `${RESIDENT_MIB} MiB`,
      mib <= RESIDENT_MIB,
    );
  }
}

try {
  await measure();
} finally {
  await system.stop();
}
if (missed > 0) process.exitCode = 1;
