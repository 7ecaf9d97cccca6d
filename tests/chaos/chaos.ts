/**
 * `npm run chaos -- --minutes 10 --seed 7`: kills Sluice's own processes and its Redis under load and counts what is lost.
 * `--fault kill` takes only the faults whose name contains it, `--jobs` bounds the load, `--json` prints the outcome as
 * JSON. Ends with 1 when a promise of docs/guarantees.md was broken.
 */
import { parseArgs } from 'node:util';
import { FAULTS } from './faults.ts';
import { broken } from './judge.ts';
import { reportOf } from './report.ts';
import { runChaos } from './run.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    fault: { type: 'string', default: '' },
    jobs: { type: 'string', default: 'Infinity' },
    json: { type: 'boolean', default: false },
  },
});
const number = (name: 'minutes' | 'seed' | 'jobs'): number => {
  const value = Number(values[name]);
  if (Number.isNaN(value) || value < 0)
    throw new Error(`--${name}: found ${values[name]}; a number is allowed`);
  return value;
};
const faults = FAULTS.filter(({ name }) => name.includes(values.fault));
if (faults.length === 0)
  throw new Error(
    `--fault: no fault contains ${values.fault}; there are ${FAULTS.map(({ name }) => name).join(', ')}`,
  );

const seed = number('seed');
const outcome = await runChaos({
  seed,
  forMs: number('minutes') * 60_000,
  faults,
  jobs: number('jobs'),
  patienceMs: 180_000,
  pauseMs: 4_000,
  say: (line) => process.stderr.write(`${line}\n`),
});
console.log(values.json ? JSON.stringify(outcome, null, 2) : reportOf(outcome));
const again = `npm run chaos -- --seed ${seed} --minutes ${values.minutes}${values.fault && ` --fault ${values.fault}`}`;
process.stderr.write(`To repeat: ${again}\n`);
process.exitCode = broken(outcome.verdict).length === 0 ? 0 : 1;
