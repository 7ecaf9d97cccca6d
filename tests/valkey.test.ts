/** The main job's test on Valkey. */
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const installed = fileURLToPath(new URL('../.sluice/tools/valkey-server', import.meta.url));
const server = ['valkey-server', installed].find(
  (name) => spawnSync(name, ['--version']).status === 0,
);
if (server === undefined) {
  test('the main job', { skip: 'no Valkey here: sh scripts/setup/valkey.sh installs it' }, () => {
    // Nothing to run it on.
  });
} else {
  process.env['SLUICE_TEST_REDIS_SERVER'] = server;
  await import('./main-job.test.ts');
}
