// The environment with `.env` beneath it, for what must be known before any package is there.
import { readFileSync } from 'node:fs';
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

export const say = (line) => console.error(line);

/** Says what is wrong and ends. */
export function give(problem) {
  console.error(problem);
  process.exit(1);
}
