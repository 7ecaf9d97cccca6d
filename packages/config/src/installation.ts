/** Finds and loads the config of this installation, the same way for every process. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DEMO_CONFIG } from './demo-config.ts';
import { readVariables } from './env-files.ts';
import type { EnvFile } from './env-files.ts';
import { loadEnvironment } from './environment.ts';
import type { Environment } from './environment.ts';
import { loadConfig } from './load-config.ts';
import type { Loaded } from './load-config.ts';
import { formatMistakes } from './mistake.ts';
import type { Mistake } from './mistake.ts';

export interface Installation extends Omit<Loaded, 'kind'> {
  environment: Environment;
  /** The file's path, or `demo`. */
  source: string;
}

export type InstallationResult =
  | ({ kind: 'ok' } & Installation)
  /** `report` lists every mistake, one per line, ready to print. */
  | { kind: 'invalid'; report: string };

/** `folder` is where `sluice.yaml` is looked for, and `.env` besides the one beside the config. */
export function loadInstallation(
  processEnv: Record<string, string | undefined>,
  folder: string,
): InstallationResult {
  const { env, files } = readVariables(processEnv, folder);
  const unread = files.find(({ problem }) => problem !== null && problem !== 'ENOENT');
  if (unread) return invalid([unreadable(unread)], unread.path);
  const read = loadEnvironment(env);
  if (read.kind === 'invalid') return invalid(read.mistakes, 'the environment');
  const path = configPath(read.environment, folder);
  const source = path ?? 'demo';
  const environment = path === null ? ofDemo(read.environment, env) : read.environment;
  const loaded = loadConfig({
    source: path === null ? { text: DEMO_CONFIG } : { path },
    env,
    envFiles: files,
  });
  if (loaded.kind === 'invalid') return invalid(loaded.mistakes, source);
  return { ...loaded, environment, source };
}

export type RoleInstallation =
  | ({ kind: 'ok'; redisUrl: string } & Installation)
  | Extract<InstallationResult, { report: string }>;

/** As {@link loadInstallation}, for a process that is given its Redis and starts none. */
export function loadForRole(
  processEnv: Record<string, string | undefined>,
  folder: string,
): RoleInstallation {
  const installation = loadInstallation(processEnv, folder);
  if (installation.kind === 'invalid') return installation;
  const { redisUrl } = installation.environment;
  const report = 'REDIS_URL is not set: set it, or use `npm start`, which runs its own Redis';
  return redisUrl === null ? { kind: 'invalid', report } : { ...installation, redisUrl };
}

/** The demo's simulated answers must not teach what real keys are estimated by, nor stand among real batches and usage. */
const ofDemo = (environment: Environment, env: Record<string, string | undefined>): Environment =>
  env['SLUICE_DATA_DIR']
    ? environment
    : { ...environment, dataDir: join(environment.dataDir, 'demo') };

/** Null = the demo. */
function configPath({ configPath: named }: Environment, folder: string): string | null {
  if (named !== null) return named === 'demo' ? null : named;
  const usual = join(folder, 'sluice.yaml');
  return existsSync(usual) ? usual : null;
}

const unreadable = ({ problem }: EnvFile): Mistake => ({
  path: '',
  at: [],
  found: String(problem),
  allowed: 'a file that can be read by this process',
});

const invalid = (mistakes: readonly Mistake[], source: string): InstallationResult => ({
  kind: 'invalid',
  report: formatMistakes(mistakes, source),
});
