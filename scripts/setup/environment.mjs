// The environment with `.env` beneath it, for what must be known before any package is there.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';

export const root = resolve(import.meta.dirname, '../..');

export function readEnvironment() {
  try {
    return { ...parseEnv(readFileSync(join(root, '.env'), 'utf8')), ...process.env };
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return { ...process.env };
  }
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
