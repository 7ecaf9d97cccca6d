// What `npm start` and `npm test` do before there is a single package: scripts/setup, with commands that play the machine's.
import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { readVariables } from '@sluice/config';

type Env = Record<string, string | undefined>;
type Say = (line: string) => void;

const setup = (name: string): string =>
  new URL(`../scripts/setup/${name}.mjs`, import.meta.url).href;
const { ensurePackages } = (await import(setup('packages'))) as {
  ensurePackages: (options: { root: string; env: Env; say: Say }) => string | null;
};
const { findOrInstallRedis } = (await import(setup('redis'))) as {
  findOrInstallRedis: (options: {
    dataDir: string;
    env: Env;
    say: Say;
    uid: number;
  }) => { binary: string } | { problem: string };
};

interface Machine {
  folder: string;
  said: string[];
  find: (env?: Env, uid?: number) => ReturnType<typeof findOrInstallRedis>;
}

/** A machine: a folder as its PATH, with these shell scripts as its commands. */
function machine(t: TestContext, commands: Record<string, string>): Machine {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-machine-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const said: string[] = [];
  for (const [name, script] of Object.entries(commands)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script.replaceAll('$BIN', folder)}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  const find: Machine['find'] = (env = {}, uid = 1000) =>
    findOrInstallRedis({
      dataDir: join(folder, 'data'),
      env: { PATH: folder, ...env },
      say: (line) => said.push(line),
      uid,
    });
  return { folder, said, find };
}

const server = (version: string): string => `echo "Redis server v=${version} sha=00000000:0"`;
/** `sudo -n <command>`, with every right. */
const SUDO = 'shift; exec "$@"';
const INSTALLS = `[ "$1" = install ] || [ "$1" = add ] || exit 1
printf '#!/bin/sh\\necho "Redis server v=7.0.15"\\n' > $BIN/redis-server; /bin/chmod 755 $BIN/redis-server`;

test('a server on the PATH is taken, Valkey too, an old one is not', (t) => {
  const redis = machine(t, { 'redis-server': server('6.2.1'), 'valkey-server': server('8.0.0') });
  assert.deepEqual(redis.find(), { binary: join(redis.folder, 'redis-server') });
  const valkey = machine(t, { 'redis-server': server('6.0.16'), 'valkey-server': server('8.0.0') });
  assert.deepEqual(valkey.find(), { binary: join(valkey.folder, 'valkey-server') });
  assert.deepEqual([...redis.said, ...valkey.said], []);
});

test('SLUICE_NO_INSTALL=1 installs nothing and says what to do', (t) => {
  const { find, said } = machine(t, { 'apt-get': INSTALLS, sudo: SUDO });
  const result = find({ SLUICE_NO_INSTALL: '1' });
  assert.ok('problem' in result);
  assert.match(
    result.problem,
    /SLUICE_NO_INSTALL=1 forbids.*apt-get install redis-server.*REDIS_URL/,
  );
  assert.deepEqual(said, []);
});

test('without one, the package manager installs it, announced in a line', (t) => {
  const { folder, find, said } = machine(t, { 'apt-get': INSTALLS, sudo: SUDO });
  assert.deepEqual(find(), { binary: join(folder, 'redis-server') });
  assert.equal(said.length, 1);
  assert.match(said[0] as string, /^Installing Redis: \S*sudo apt-get install -y redis-server …$/);
});

test('stale package lists are renewed once', (t) => {
  const apt = `if [ "$1" = update ]; then : > $BIN/updated; exit 0; fi
[ -e $BIN/updated ] || exit 100
${INSTALLS}`;
  const { folder, find } = machine(t, { 'apt-get': apt, sudo: SUDO });
  assert.deepEqual(find(), { binary: join(folder, 'redis-server') });
});

test('without rights nothing is tried with them', (t) => {
  const { find, said } = machine(t, { 'apt-get': INSTALLS, sudo: 'exit 1' });
  assert.ok('problem' in find());
  assert.deepEqual(said, ['Redis cannot be compiled here: make and a C compiler are missing.']);
});

test('root needs no sudo', (t) => {
  const { find, said } = machine(t, { 'apt-get': INSTALLS });
  assert.ok('binary' in find({}, 0));
  assert.deepEqual(said, ['Installing Redis: apt-get install -y redis-server …']);
});

test('when nothing helps, the end is a sentence that says what to install', (t) => {
  const { find, said } = machine(t, { 'apt-get': 'exit 1', sudo: SUDO });
  const result = find();
  assert.ok('problem' in result);
  assert.match(
    result.problem,
    /^No Redis could be installed\. Install Redis or Valkey 6\.2 or later/,
  );
  assert.deepEqual(said.slice(1), [
    'apt-get could not install Redis.',
    'Redis cannot be compiled here: make and a C compiler are missing.',
  ]);
});

/** A project whose lock file names one package, with what is installed of it. */
function project(t: TestContext, installed: Record<string, unknown> | null): string {
  const root = mkdtempSync(join(tmpdir(), 'sluice-project-'));
  t.after(() => rmSync(root, { recursive: true }));
  const packages = {
    '': { name: 'x' },
    'packages/job': { version: '1.0.0' },
    'node_modules/yaml': { version: '2.9.1' },
    'node_modules/@esbuild/other-machine': { version: '1.0.0', optional: true },
  };
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }));
  if (installed) {
    mkdirSync(join(root, 'node_modules'));
    const note = join(root, 'node_modules/.package-lock.json');
    writeFileSync(note, JSON.stringify({ packages: installed }));
    utimesSync(note, 0, 0);
  }
  return root;
}

const FORBIDDEN = { SLUICE_NO_INSTALL: '1' };

test('packages are current when every one that the lock file names is there in its version', (t) => {
  const problem = (installed: Record<string, unknown> | null): string | null =>
    ensurePackages({ root: project(t, installed), env: FORBIDDEN, say: assert.fail });
  assert.equal(problem({ 'node_modules/yaml': { version: '2.9.1' } }), null);
  for (const installed of [{ 'node_modules/yaml': { version: '2.8.0' } }, {}, null]) {
    assert.match(problem(installed) ?? '', /SLUICE_NO_INSTALL=1 forbids installing: run `npm ci`/);
  }
});

test('what a start takes from `.env` files is named, so that a reload reads it anew', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-start-'));
  t.after(() => rmSync(folder, { recursive: true }));
  // The folder of the project is found from where the script lies.
  mkdirSync(join(folder, 'scripts/setup'), { recursive: true });
  mkdirSync(join(folder, 'etc'));
  const script = join(folder, 'scripts/setup/environment.mjs');
  copyFileSync(new URL(setup('environment')), script);
  writeFileSync(join(folder, '.env'), 'SLUICE_CONFIG=etc/sluice.yaml\nKEY_A=here\nPATH=ignored\n');
  writeFileSync(join(folder, 'etc/.env'), 'KEY_A=beside\nKEY_B=beside\n');
  const { readEnvironment, setIn } = (await import(script)) as {
    readEnvironment: () => Env;
    setIn: (env: Env, name: string, value: string) => void;
  };
  const env = readEnvironment();
  assert.deepEqual([env['KEY_A'], env['KEY_B']], ['beside', 'beside']);
  assert.equal(env['PATH'], process.env['PATH']);
  const names = env['SLUICE_FROM_ENV_FILES']?.split(',');
  assert.deepEqual(names?.toSorted(), ['KEY_A', 'KEY_B', 'SLUICE_CONFIG']);
  writeFileSync(join(folder, 'etc/.env'), 'KEY_A=corrected\n');
  assert.equal(readVariables(env, folder).env['KEY_A'], 'corrected');
  assert.equal(readVariables(env, folder).env['KEY_B'], undefined);
  setIn(env, 'KEY_A', 'given');
  assert.equal(readVariables(env, folder).env['KEY_A'], 'given');
});
