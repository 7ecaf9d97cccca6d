import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { until } from './until.ts';

/** Starts a process that stands still, says its id, and lives on. */
const PARENT = `
import { spawn } from 'node:child_process';
import { goneWithUs } from ${JSON.stringify(new URL('./gone-with-us.ts', import.meta.url).href)};
const child = goneWithUs(spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']));
child.kill('SIGSTOP');
process.stdout.write(String(child.pid));
setInterval(() => {}, 1000);
`;

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`what was started, and stands still, goes when its starter is ended by ${signal}`, async () => {
    const parent = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', PARENT],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [said] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(said.toString());
    assert.ok(lives(pid));
    parent.kill(signal);
    await once(parent, 'exit');
    await until('it is gone', () => !lives(pid));
  });
}
