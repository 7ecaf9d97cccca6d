// The environment with the `.env` files beneath it, for what must be known before any package is there.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseEnv } from 'node:util';

export const root = resolve(import.meta.dirname, '../..');

/**
 * What came out of a file is named in SLUICE_FROM_ENV_FILES: the programs started with this read the files themselves, and
 * anew when they reload (packages/config, env-files.ts, where the order is told).
 */
export function readEnvironment() {
  const here = readEnvFile(root);
  const config = process.env.SLUICE_CONFIG ?? here.SLUICE_CONFIG;
  const beside = config && config !== 'demo' ? dirname(resolve(root, config)) : root;
  const files = beside === root ? here : { ...here, ...readEnvFile(beside) };
  const names = Object.keys(files).filter((name) => !(name in process.env));
  const env = { ...files, ...process.env, SLUICE_FROM_ENV_FILES: names.join(',') };
  return config === undefined ? env : { ...env, SLUICE_CONFIG: config };
}

function readEnvFile(folder) {
  try {
    return parseEnv(readFileSync(join(folder, '.env'), 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'EISDIR') return {};
    throw error;
  }
}

/** Sets what no `.env` file is to change. */
export function setIn(env, name, value) {
  const names = env.SLUICE_FROM_ENV_FILES.split(',').filter((one) => one !== name);
  Object.assign(env, { [name]: value, SLUICE_FROM_ENV_FILES: names.join(',') });
}

export const dataDirOf = (env) => resolve(root, env.SLUICE_DATA_DIR || '.sluice');

/** Where a running `npm start` keeps what it knows: the demo has a folder of its own (packages/config, installation.ts). */
export function runDirOf(env) {
  const own = env.SLUICE_CONFIG
    ? env.SLUICE_CONFIG !== 'demo'
    : existsSync(join(root, 'sluice.yaml'));
  return env.SLUICE_DATA_DIR || own ? dataDirOf(env) : join(dataDirOf(env), 'demo');
}

export const say = (line) => console.error(line);

/** Says what is wrong and ends. */
export function give(problem) {
  console.error(problem);
  process.exit(1);
}
