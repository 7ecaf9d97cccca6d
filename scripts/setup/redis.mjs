// Finds a Redis server on this machine or installs one. Plain Node without packages, like everything in this folder.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['redis-server', 'valkey-server'];
/** LMOVE, GETEX and the rest of what the scripts use came with 6.2. */
const OLDEST = [6, 2];

/** Package managers in the order they are tried; `update` where package lists may be missing or stale. */
const MANAGERS = [
  {
    command: 'apt-get',
    update: ['update'],
    install: ['install', '-y', 'redis-server'],
    root: true,
  },
  { command: 'apk', install: ['add', '--no-cache', 'redis'], root: true },
  { command: 'dnf', install: ['install', '-y', 'redis'], root: true },
  { command: 'brew', install: ['install', 'redis'], root: false },
];

/** Compiles Redis from its own sources; well kept (https://github.com/mhassan1/redis-memory-server). */
const COMPILER = 'redis-memory-server@0.17.1';

/**
 * @param {{ dataDir: string, env: Record<string, string | undefined>, say: (line: string) => void, uid?: number }} options
 *   `uid` of who runs this, 0 = root
 * @returns {{ binary: string } | { problem: string }}
 */
export function findOrInstallRedis(given) {
  const options = { uid: process.getuid?.(), ...given };
  const found = onPath(options.env) ?? compiled(options);
  if (found) return { binary: found };
  if (options.env.SLUICE_NO_INSTALL === '1') {
    return {
      problem: `There is no Redis and SLUICE_NO_INSTALL=1 forbids installing one. ${BY_HAND}`,
    };
  }
  const installed = byPackageManager(options) ?? byCompiling(options);
  return installed ? { binary: installed } : { problem: `No Redis could be installed. ${BY_HAND}` };
}

const BY_HAND =
  'Install Redis or Valkey 6.2 or later (Debian, Ubuntu: `sudo apt-get install redis-server`; Fedora: ' +
  '`sudo dnf install valkey`; macOS: `brew install redis`), or set REDIS_URL to one that runs.';

/** The full path of a server of a good version, or null. */
function onPath(env) {
  for (const folder of (env.PATH ?? '').split(delimiter).filter(Boolean)) {
    for (const name of NAMES) {
      const file = join(folder, name);
      if (isExecutable(file) && isRecent(file)) return file;
    }
  }
  return null;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isRecent(file) {
  const { status, stdout } = spawnSync(file, ['--version'], { encoding: 'utf8' });
  const version = /v=(\d+)\.(\d+)/.exec(stdout ?? '');
  if (status !== 0 || !version) return false;
  const [major, minor] = [Number(version[1]), Number(version[2])];
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

function byPackageManager({ env, say, uid }) {
  for (const manager of MANAGERS) {
    const command = which(manager.command, env);
    const rights = command && rightsFor(manager, { env, uid });
    if (!rights) continue;
    const run = (args) => runQuietly([...rights, command, ...args], env);
    say(
      `Installing Redis: ${[...rights.slice(0, 1), manager.command, ...manager.install].join(' ')} …`,
    );
    const done =
      run(manager.install) || (manager.update && run(manager.update) && run(manager.install));
    const found = done && onPath(env);
    if (found) return found;
    say(`${manager.command} could not install Redis.`);
  }
  return null;
}

/** What to put before the command: nothing, `sudo -n`, or null where this user may not. */
function rightsFor({ root }, { env, uid }) {
  const isRoot = uid === 0;
  if (!root) return isRoot ? null : [];
  if (isRoot) return [];
  const sudo = which('sudo', env);
  return sudo && spawnSync(sudo, ['-n', 'true'], { stdio: 'ignore' }).status === 0
    ? [sudo, '-n']
    : null;
}

function which(command, env) {
  const folders = (env.PATH ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, command)).find(isExecutable) ?? null;
}

/** RUNLEVEL=1 keeps Debian's package from starting a service of its own beside ours. */
function runQuietly([command, ...args], env) {
  const quiet = {
    ...env,
    DEBIAN_FRONTEND: 'noninteractive',
    RUNLEVEL: '1',
    HOMEBREW_NO_AUTO_UPDATE: '1',
  };
  return spawnSync(command, args, { env: quiet, stdio: 'ignore' }).status === 0;
}

const toolsFolder = (dataDir) => join(dataDir, 'tools');

/** A server compiled at an earlier start. */
function compiled({ dataDir }) {
  const file = join(toolsFolder(dataDir), 'redis-binaries', 'stable', 'redis-server');
  return existsSync(file) && isRecent(file) ? file : null;
}

function byCompiling({ dataDir, env, say }) {
  if (!which('make', env) || !(which('cc', env) ?? which('gcc', env))) {
    say('Redis cannot be compiled here: make and a C compiler are missing.');
    return null;
  }
  say(`Compiling Redis with ${COMPILER}: a few minutes, once …`);
  const folder = toolsFolder(dataDir);
  const flags = [
    '--prefix',
    folder,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  if (!runQuietly([which('npm', env) ?? 'npm', 'install', ...flags, COMPILER], env)) return null;
  const program = `require('redis-memory-server/lib/util/RedisBinary').default
    .getPath({ version: 'stable', downloadDir: ${JSON.stringify(join(folder, 'redis-binaries'))} })
    .then(() => process.exit(0), (error) => { console.error(error.message); process.exit(1); })`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', program], {
    cwd: folder,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status === 0) return compiled({ dataDir });
  say(`Redis could not be compiled: ${stderr.trim().split('\n').at(-1)}`);
  return null;
}
