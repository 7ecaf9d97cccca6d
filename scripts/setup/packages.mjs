// Installs the npm packages when node_modules does not hold what the lock file names. Plain Node: it runs first.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What npm itself writes down about what it installed. */
const INSTALLED = 'node_modules/.package-lock.json';

/**
 * @param {{ root: string, env: Record<string, string | undefined>, say: (line: string) => void }} options
 * @returns {string | null} what the user must do, or null when all is there
 */
export function ensurePackages({ root, env, say }) {
  if (packagesAreCurrent(root)) return null;
  if (env.SLUICE_NO_INSTALL === '1') {
    return 'The npm packages are missing or outdated and SLUICE_NO_INSTALL=1 forbids installing: run `npm ci`.';
  }
  say('Installing npm packages …');
  const [command, ...first] = env.npm_execpath?.endsWith('.js')
    ? [process.execPath, env.npm_execpath]
    : ['npm'];
  const args = [...first, 'ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    env: withoutNpmSettings(env),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status === 0) return null;
  return `\`npm ci\` failed${error ? ` (${error.message})` : ''}: run it by hand to see why.`;
}

/** `npm start -- …` hands its own settings down as npm_config_*; they are not meant for this npm. */
const withoutNpmSettings = (env) =>
  Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^npm_(lifecycle|package|command)/.test(name)),
  );

/** Whether everything in the lock file is installed in that version. Touching the lock file alone changes nothing. */
function packagesAreCurrent(root) {
  try {
    const [lock, installed] = [join(root, 'package-lock.json'), join(root, INSTALLED)];
    if (statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return true;
    return holds(packagesOf(installed), packagesOf(lock));
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return false;
    throw error;
  }
}

const packagesOf = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;

/** Optional packages may be absent: they are for other machines. */
const holds = (installed, wanted) =>
  Object.entries(wanted).every(
    ([path, { version, optional, link }]) =>
      !path.startsWith('node_modules/') ||
      (optional && !installed[path]) ||
      (installed[path] && (link || installed[path].version === version)),
  );
