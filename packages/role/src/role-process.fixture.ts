// A role for tests: refuses when told a reason, else runs until it is stopped, and says so.
import { writeSync } from 'node:fs';
import { runRole } from './run-role.ts';

const [reason] = process.argv.slice(2);
await runRole(async () => {
  if (reason === 'never drains')
    return { stop: () => new Promise(() => undefined), stopWithinMs: () => 100 };
  if (reason !== undefined) return { refused: reason };
  const work = setInterval(() => undefined, 1_000_000);
  const stop = async () => {
    // Work that outlives the drain must not keep the process: the interval goes on.
    writeSync(1, `drained ${work.hasRef()}\n`);
  };
  return { stop, ready: { port: 7 } };
});
