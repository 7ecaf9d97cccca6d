/** `npm run -s key`: a key and its hash, or how to use it; never a key where none was asked for. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../scripts/key.mjs', import.meta.url));
const key = (...options: string[]) =>
  spawnSync(process.execPath, [script, ...options], { encoding: 'utf8' });

test('a key, and below it its hash', () => {
  const [made = '', hash] = key().stdout.split('\n');
  assert.match(made, /^sk-sluice-[\w-]{32}$/);
  assert.equal(hash, `sha256:${createHash('sha256').update(made).digest('hex')}`);
});

test('--help makes no key, and neither does an unknown option, which is named', () => {
  const help = key('--help');
  assert.deepEqual([help.status, help.stdout.includes('sk-sluice-')], [0, false]);
  assert.match(help.stdout, /^npm run -s key: prints a new API key/);
  const wrong = key('--lenght=3');
  assert.deepEqual([wrong.status, wrong.stdout], [2, '']);
  assert.match(wrong.stderr, /found "--lenght=3"; allowed: no option, or --help/);
});
