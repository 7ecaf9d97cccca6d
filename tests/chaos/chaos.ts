/**
 * `npm run chaos -- --minutes 10 --seed 7`: kills Sluice's own processes and its Redis under load and counts what is lost.
 * Ends with 1 when a promise of docs/guarantees.md was broken, or when something took too long to go on.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { FAULTS } from './faults.ts';
import { reportOf } from './report.ts';
import { runChaos } from './run.ts';
import type { Outcome } from './run.ts';
import { isSound, sumOf } from './sum.ts';

const NAMES = FAULTS.map(({ name }) => name).join(', ');
const HELP = `npm run chaos -- [options]

--minutes 5      how long load and faults of a run go on
--seed 1         what is asked, and which faults come in which order
--runs 1         so many runs one after the other, each with the next seed, summed up
--fault A,B      only faults whose name contains one of these
--per-second 10  jobs and lines a second (56 are 200,000 an hour); the providers take twice that
--json FILE      writes what the runs came to, after each of them
--logs FOLDER    keeps the processes' logs there, and Redis's append-only file
--sum A B …      makes no run: the table of such files together

Faults: ${NAMES}`;

const OPTIONS = {
  minutes: { type: 'string', default: '5' },
  seed: { type: 'string', default: '1' },
  runs: { type: 'string', default: '1' },
  fault: { type: 'string', default: '' },
  'per-second': { type: 'string', default: '10' },
  json: { type: 'string', default: '' },
  logs: { type: 'string', default: '' },
  sum: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const { values, positionals } = parsed();

function parsed() {
  try {
    return parseArgs({ allowPositionals: true, options: OPTIONS });
  } catch (error) {
    return give((error as Error).message);
  }
}

/** A mistake in the arguments, in words. */
function give(mistake: string): never {
  console.error(`${mistake}\n\n${HELP}`);
  process.exit(2);
}

function number(name: 'minutes' | 'seed' | 'runs' | 'per-second'): number {
  const value = Number(values[name]);
  if (Number.isNaN(value) || value < 0)
    give(`--${name}: found ${values[name]}; a number of at least 0 is allowed`);
  return value;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function makeRuns(): Promise<Outcome[]> {
  const wanted = values.fault.split(',');
  const faults = FAULTS.filter(({ name }) => wanted.some((part) => name.includes(part)));
  if (faults.length === 0) give(`--fault: found ${values.fault}; allowed are parts of ${NAMES}`);
  const outcomes: Outcome[] = [];
  for (let i = 0; i < number('runs'); i++) {
    const seed = number('seed') + i;
    const outcome = await runChaos({
      seed,
      forMs: number('minutes') * 60_000,
      faults,
      perSecond: number('per-second'),
      patienceMs: 180_000,
      pauseMs: 4_000,
      quietShare: 0.5,
      leastRounds: 0,
      keepLogs: values.logs,
      say,
    });
    outcomes.push(outcome);
    if (values.json) writeFileSync(values.json, JSON.stringify(outcomes, null, 2));
    if (number('runs') > 1) say(reportOf(sumOf([outcome])));
  }
  return outcomes;
}

const readRuns = (): Outcome[] =>
  positionals.flatMap((file) => JSON.parse(readFileSync(file, 'utf8')) as Outcome[]);

if (values.help) {
  console.log(HELP);
} else {
  const outcomes = values.sum ? readRuns() : await makeRuns();
  if (outcomes.length === 0) give('no runs: --sum needs files, --runs at least 1');
  const sum = sumOf(outcomes);
  console.log(reportOf(sum));
  process.exitCode = isSound(sum) ? 0 : 1;
}
