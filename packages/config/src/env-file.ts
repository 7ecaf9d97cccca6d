/** Reads a `.env` file beside the process's environment. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';

/** The environment with `.env` of `folder` beneath it: what is set already wins. No such file is fine. */
export function withEnvFile(
  env: Record<string, string | undefined>,
  folder: string,
): Record<string, string | undefined> {
  let text: string;
  try {
    text = readFileSync(join(folder, '.env'), 'utf8');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return env;
    throw error;
  }
  return { ...parseEnv(text), ...env };
}
