/** Every command says how it is used when asked, and names what it does not know, without a stack and without doing its work. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const run = (program: readonly string[], option: string) =>
  spawnSync(process.execPath, [...program, option], { cwd: root, encoding: 'utf8' });

const tsx = ['--import', 'tsx'];
const COMMANDS: readonly (readonly [string, readonly string[]])[] = [
  ['npm start', ['scripts/start.mjs']],
  ['npm run -s key', ['scripts/key.mjs']],
  ['npm run -s doctor', [...tsx, 'apps/doctor/src/main.ts']],
  ['npm run demo', [...tsx, 'apps/launcher/src/demo/main.ts']],
  ['npm run chaos', [...tsx, 'tests/chaos/chaos.ts']],
];

for (const [name, program] of COMMANDS)
  describe(name, () => {
    test('--help and -h say how it is used', () => {
      for (const option of ['--help', '-h']) {
        const { status, stdout, stderr } = run(program, option);
        assert.deepEqual([status, stderr], [0, '']);
        assert.ok(stdout.startsWith(name), stdout);
      }
    });

    test('an option that it does not know is named, with how it is used', () => {
      const { status, stdout, stderr } = run(program, '--helq');
      assert.deepEqual([status, stdout], [2, '']);
      assert.match(stderr, /--helq/);
      assert.ok(stderr.includes(`\n\n${name}`), stderr);
      assert.doesNotMatch(stderr, /node:internal|ERR_/);
    });
  });
