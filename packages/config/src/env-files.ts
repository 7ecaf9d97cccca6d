/**
 * The variables a config is filled in from: what the environment sets, beneath it `.env` beside the config, beneath that
 * `.env` of the working directory. The files are read anew each time, so a reload takes what was changed in them.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseEnv } from 'node:util';

type Env = Record<string, string | undefined>;

/**
 * Names, with commas between, of the variables that scripts/setup/environment.mjs put into this process's environment out of
 * `.env` files: the environment itself does not set them.
 */
const FROM_FILES = 'SLUICE_FROM_ENV_FILES';

export interface EnvFile {
  path: string;
  /** Null = read; else why not, as `ENOENT`. */
  problem: string | null;
}

export interface Variables {
  env: Env;
  /** Where they were looked for, beside the environment; the first that has one gives it. */
  files: EnvFile[];
}

/** `config`: the file they are for; absent = the one that the variables themselves name. Throws never. */
export function readVariables(processEnv: Env, folder: string, config?: string): Variables {
  const set = withoutFiles(processEnv);
  const here = readEnvFile(folder);
  const named = { ...here.variables, ...set }['SLUICE_CONFIG'];
  const place = config ?? (named === 'demo' ? undefined : named);
  const beside = dirname(resolve(folder, place || 'sluice.yaml'));
  const files = beside === resolve(folder) ? [here] : [readEnvFile(beside), here];
  const env = Object.assign({}, ...files.map((file) => file.variables).toReversed(), set) as Env;
  if (named !== undefined) env['SLUICE_CONFIG'] = named;
  return { env, files: files.map(({ path, problem }) => ({ path, problem })) };
}

/** For a process that is started with `more`: no `.env` file has a say in these. */
export function givenEnvironment(processEnv: Env, more: Env): Env {
  const names = fromFiles(processEnv).filter((name) => !Object.hasOwn(more, name));
  return { ...processEnv, ...more, [FROM_FILES]: names.join(',') };
}

const fromFiles = (env: Env): string[] => (env[FROM_FILES] ?? '').split(',').filter(Boolean);

/** What the environment itself sets. */
function withoutFiles(env: Env): Env {
  const names = new Set([...fromFiles(env), FROM_FILES]);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.has(name)));
}

/** A folder of that name, as some tools make one, is no such file. */
function readEnvFile(folder: string): EnvFile & { variables: Env } {
  const path = join(folder, '.env');
  try {
    return { path, variables: parseEnv(readFileSync(path, 'utf8')), problem: null };
  } catch (error) {
    const { code = 'unreadable' } = error as { code?: string };
    return { path, variables: {}, problem: code === 'EISDIR' ? 'ENOENT' : code };
  }
}
