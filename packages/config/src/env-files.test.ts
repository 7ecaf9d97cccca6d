import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { givenEnvironment, readVariables } from './env-files.ts';
import { loadInstallation } from './installation.ts';

/** A working folder and one with the config, each with its `.env`. */
function folders(t: TestContext, texts: { here?: string; beside?: string }) {
  const root = mkdtempSync(join(tmpdir(), 'sluice-env-'));
  t.after(() => rmSync(root, { recursive: true }));
  const [here, beside] = [join(root, 'here'), join(root, 'etc')];
  mkdirSync(here);
  mkdirSync(beside);
  if (texts.here !== undefined) writeFileSync(join(here, '.env'), texts.here);
  if (texts.beside !== undefined) writeFileSync(join(beside, '.env'), texts.beside);
  return { here, beside, config: join(beside, 'sluice.yaml') };
}

test('the environment wins over the file beside the config, that one over the working folder’s', (t) => {
  const { here, config } = folders(t, {
    here: 'A=here\nB=here\nC=here\n',
    beside: 'B=beside\nC=beside\n',
  });
  const { env } = readVariables({ C: 'set', SLUICE_CONFIG: config }, here);
  assert.deepEqual([env['A'], env['B'], env['C']], ['here', 'beside', 'set']);
  assert.equal(readVariables({}, here, config).env['B'], 'beside', 'a config that is named');
  assert.equal(readVariables({ SLUICE_CONFIG: 'demo' }, here).env['B'], 'here');
});

test('`.env` of the working folder may say where the config is, the one beside it may not', (t) => {
  const { here, beside, config } = folders(t, {
    here: `SLUICE_CONFIG=../etc/sluice.yaml\n`,
    beside: 'SLUICE_CONFIG=elsewhere\nB=beside\n',
  });
  const { env, files } = readVariables({}, here);
  assert.deepEqual([env['B'], env['SLUICE_CONFIG']], ['beside', '../etc/sluice.yaml']);
  assert.deepEqual(
    files.map(({ path }) => path),
    [join(beside, '.env'), join(here, '.env')],
  );
  assert.equal(readVariables({ SLUICE_CONFIG: config }, here).env['SLUICE_CONFIG'], config);
});

test('what a start took from a file is read anew from it, what the environment sets is not', (t) => {
  const { here } = folders(t, { here: 'KEY=new\nSET=new\n' });
  const started = { KEY: 'old', GONE: 'old', SET: 'set', SLUICE_FROM_ENV_FILES: 'KEY,GONE' };
  const { env } = readVariables(started, here);
  assert.deepEqual([env['KEY'], env['GONE'], env['SET']], ['new', undefined, 'set']);
  const given = givenEnvironment(started, { KEY: 'given' });
  assert.equal(readVariables(given, here).env['KEY'], 'given');
  assert.equal(readVariables(given, here).env['GONE'], undefined);
});

test('a variable that nobody sets is reported with the places that were looked at', (t) => {
  const { here, beside, config } = folders(t, { here: 'OTHER=1\n' });
  writeFileSync(config, 'providers: { p: { type: openai, api_key: "${KEY}" } }\n');
  const result = loadInstallation({ SLUICE_CONFIG: config }, here);
  assert.ok(result.kind === 'invalid');
  const places = `the environment or ${join(beside, '.env')} (no such file) or ${join(here, '.env')}`;
  assert.ok(result.report.includes(`set KEY in ${places}, or give a default`), result.report);
});

test('a file that cannot be read is a mistake, a folder of that name is no file', (t) => {
  const { here, beside } = folders(t, {});
  mkdirSync(join(here, '.env'));
  assert.equal(loadInstallation({}, here).kind, 'ok');
  writeFileSync(join(here, 'file'), '');
  const inFile = loadInstallation({ SLUICE_CONFIG: join(here, 'file', 'sluice.yaml') }, beside);
  assert.ok(inFile.kind === 'invalid');
  assert.match(inFile.report, /\.env has one mistake:\n {2}the file: found ENOTDIR/);
});
