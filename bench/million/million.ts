/**
 * `npm run bench:million` (`-- --lines N`): a batch as large as one may be, 1,000,000 lines, against a provider that answers
 * at once: does it complete, each line once, and does anything grow with it? Real processes, `appendfsync always`. Tells its
 * progress, then each figure beside its bound. Memory is each process's own peak; the pace is taken from the lines
 * between 2 % and 98 %, by the clock and by CPU, which a busy machine does not change.
 */
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { System, until } from '@sluice/testing';
import { processesOf } from '../processes.ts';
import { countOutput, createBatch, send } from './input.ts';

const { values: flags } = parseArgs({ options: { lines: { type: 'string' } } });
const LINES = Number(flags.lines ?? 1_000_000);
const MIB = 1024 * 1024;
const BOUNDS = { redisMib: 256, residentMib: 400, slowerBy: 0.1 };
const TOLD_EVERY_MS = 10_000;

interface Batch {
  status: string;
  output_file_id: string | null;
  error_file_id: string | null;
  request_counts: { completed: number; failed: number; total: number };
}

/** How far it was at a moment. */
interface Mark {
  ms: number;
  done: number;
  cpu: number;
}

const system = await System.start({
  config: `
providers: { sim: { type: openai, base_url: "{{simulator}}/v1", api_key: sk-sim } }
deployments: { instant: { provider: sim, model: instant } }
pools: { fast: [instant] }
`,
  simulator: {
    accounts: { sim: { key: 'sk-sim', format: 'openai', latency: { first_token_ms: 0 } } },
  },
});
const redis = new Redis(system.redis.url);
const started = performance.now();
const seconds = (): string => ((performance.now() - started) / 1000).toFixed(1);

const peakOfRedis = async (): Promise<number> =>
  Number(/used_memory_peak:(\d+)/.exec(await redis.info('memory'))?.[1]);

async function tell({ status, request_counts: { completed } }: Batch): Promise<void> {
  const redisMib = Math.round((await peakOfRedis()) / MIB);
  const peaks = processesOf(system).map((one) => `${one.name} ${Math.round(one.peakBytes / MIB)}`);
  console.log(
    `${seconds()} s: ${status}, ${completed} lines; MiB: Redis ${redisMib}, resident ${peaks.join(', ')}`,
  );
}

/** Follows the batch to its end. */
async function follow(id: string): Promise<{ batch: Batch; marks: Mark[] }> {
  const marks: Mark[] = [];
  let toldAt = -Infinity;
  let failure = '';
  const look = async (): Promise<Batch | null> => {
    // On a machine that does much else Redis may not answer in time, and the API says so: 503, ask again.
    const batch = await send<Batch>(`${system.apiUrl}/v1/batches/${id}`, 'GET').catch(
      (error: unknown) => {
        if (String(error) !== failure) console.log(String(error));
        failure = String(error);
        return null;
      },
    );
    if (!batch) return null;
    const cpu = processesOf(system).reduce((sum, one) => sum + one.cpu, 0);
    marks.push({ ms: performance.now(), done: batch.request_counts.completed, cpu });
    if (performance.now() - toldAt >= TOLD_EVERY_MS) {
      toldAt = performance.now();
      await tell(batch);
    }
    return ['completed', 'failed', 'expired', 'cancelled'].includes(batch.status) ? batch : null;
  };
  const batch = await until('the batch', look, { timeoutMs: 7_200_000, everyMs: 250 });
  await tell(batch);
  return { batch, marks };
}

/** The moment at which so many lines were done, between the two looks around it. */
function at(marks: readonly Mark[], done: number): Mark {
  const after = marks.findIndex((mark) => mark.done >= done);
  const [a, b] = [marks[after - 1], marks[after]];
  if (!b) throw new Error(`${done} lines were never done`);
  if (!a) return b;
  const share = (done - a.done) / (b.done - a.done);
  return { done, ms: a.ms + share * (b.ms - a.ms), cpu: a.cpu + share * (b.cpu - a.cpu) };
}

/** Seconds and CPU microseconds a line, of the tenth of the lines that begins there. */
function tenth(marks: readonly Mark[], from: number): { perSecond: number; cpuMicros: number } {
  const [a, b] = [at(marks, from * LINES), at(marks, (from + 0.1) * LINES)];
  const lines = b.done - a.done;
  return { perSecond: lines / ((b.ms - a.ms) / 1000), cpuMicros: ((b.cpu - a.cpu) / lines) * 1e6 };
}

let missed = 0;
function row(what: string, measured: string, bound: string, ok: boolean): void {
  if (!ok) missed += 1;
  console.log(
    `${what.padEnd(46)} ${measured.padStart(28)} · ${bound.padEnd(16)} · ${ok ? 'ok' : 'missed'}`,
  );
}

async function measure(): Promise<void> {
  const id = await createBatch(system.apiUrl, LINES);
  console.log(`${seconds()} s: uploaded`);
  const { batch, marks } = await follow(id);
  const processes = processesOf(system);
  const redisMib = (await peakOfRedis()) / MIB;
  const output = await countOutput(system, batch.output_file_id ?? '');
  const stats = await system.simulated<{ accounts: { sim: { calls: number } } }>();
  const [first, last] = [tenth(marks, 0.02), tenth(marks, 0.88)];
  const ended = marks.at(-1) as Mark;
  const all = at(marks, LINES);
  const begun = marks.findLast((mark) => mark.done === 0) ?? ended;

  console.log(
    `drained in ${((all.ms - begun.ms) / 1000).toFixed(1)} s, ${(LINES / ((all.ms - begun.ms) / 1000)).toFixed(0)} lines/s; validated by ${((begun.ms - started) / 1000).toFixed(1)} s; files written in ${((ended.ms - all.ms) / 1000).toFixed(1)} s`,
  );
  const { completed, total } = batch.request_counts;
  row(
    'completed',
    `${batch.status}, ${completed} of ${total}`,
    String(LINES),
    batch.status === 'completed' && completed === LINES,
  );
  const once = output.lines === LINES && output.repeated === 0 && output.strange === 0;
  row(
    'lines in the output, each once',
    `${output.lines}, ${output.repeated} twice, ${output.strange} odd`,
    String(LINES),
    once && batch.error_file_id === null,
  );
  const { calls } = stats.accounts.sim;
  row('calls the provider got', String(calls), String(LINES), calls === LINES);
  row(
    'Redis at its peak',
    `${redisMib.toFixed(0)} MiB`,
    `${BOUNDS.redisMib} MiB`,
    redisMib <= BOUNDS.redisMib,
  );
  for (const { name, peakBytes } of processes) {
    const mib = peakBytes / MIB;
    row(
      `${name} resident at its peak`,
      `${mib.toFixed(0)} MiB`,
      `${BOUNDS.residentMib} MiB`,
      mib <= BOUNDS.residentMib,
    );
  }
  const slower = first.perSecond / last.perSecond - 1;
  row(
    'last tenth beside the first, by the clock',
    `${last.perSecond.toFixed(0)} / ${first.perSecond.toFixed(0)} lines/s`,
    '≤ 10 % slower',
    slower <= BOUNDS.slowerBy,
  );
  const dearer = last.cpuMicros / first.cpuMicros - 1;
  row(
    'last tenth beside the first, CPU a line',
    `${last.cpuMicros.toFixed(0)} / ${first.cpuMicros.toFixed(0)} µs`,
    '≤ 10 % more',
    dearer <= BOUNDS.slowerBy,
  );
}

try {
  await measure();
} finally {
  redis.disconnect();
  await system.stop();
}
if (missed > 0) process.exitCode = 1;
