/**
 * `npm run fuzz -- --cases 10000 --seed 7`: hostile requests at a system of its own. Ends with what was answered, and with 1
 * when anything broke; a fault is told with its number, so that `--from N --cases 1` sends it again.
 */
import { parseArgs } from 'node:util';
import { attack } from './attack.ts';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
  },
});
const [cases, seed, from] = [values.cases, values.seed, values.from].map(Number) as [
  number,
  number,
  number,
];

const EVERY = 500;
const outcome = await attack({
  seed,
  cases,
  from,
  onProgress: (done) => {
    if (done % EVERY === 0) process.stderr.write(`${done} of ${cases}\n`);
  },
});
const statuses = [...outcome.statuses].toSorted(([a], [b]) => a - b);
console.log(
  `seed ${seed}: ${cases} requests, the slowest answer took ${Math.round(outcome.slowestMs)} ms`,
);
console.log(statuses.map(([status, count]) => `${status || 'none'}: ${count}`).join(' · '));
for (const { number, what, fault, request } of outcome.faults)
  console.log(`✗ ${number} (${what}): ${fault}\n    ${request}`);
for (const remain of outcome.remains) console.log(`✗ afterwards: ${remain}`);
const broken = outcome.faults.length + outcome.remains.length;
console.log(broken === 0 ? '✓ nothing broke' : `✗ ${broken} faults`);
process.exitCode = broken === 0 ? 0 : 1;
