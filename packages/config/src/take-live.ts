/** What of a config that is read anew takes effect in a running process, and what only at its next start. */
import { isDeepStrictEqual } from 'node:util';
import type { Environment } from './environment.ts';
import type { Installation } from './installation.ts';
import type { Settings } from './settings.ts';

/** Beside the fleet and the tenants. */
const LIVE_SETTINGS = ['routes', 'admin'] as const satisfies (keyof Settings)[];

const VARIABLES: Record<keyof Environment, string> = {
  port: 'PORT',
  host: 'HOST',
  allowOpen: 'SLUICE_ALLOW_OPEN',
  redisUrl: 'REDIS_URL',
  prefix: 'SLUICE_PREFIX',
  configPath: 'SLUICE_CONFIG',
  dataDir: 'SLUICE_DATA_DIR',
  logLevel: 'LOG_LEVEL',
};

/**
 * Gives a process's installation the tenants, admin keys and routes of one that was read anew; the fleet is another's
 * to change. Returns the sections and variables that differ too, by the names people gave them: they need a restart.
 */
export function takeLive(installation: Installation, fresh: Installation): string[] {
  installation.tenants = fresh.tenants;
  const { config } = installation;
  for (const name of LIVE_SETTINGS) Object.assign(config, { [name]: fresh.config[name] });
  return [
    ...differing(config, fresh.config),
    ...differing(installation.environment, fresh.environment).map((name) => VARIABLES[name]),
  ];
}

const differing = <T extends object>(now: T, next: T): Extract<keyof T, string>[] =>
  (Object.keys(next) as Extract<keyof T, string>[]).filter(
    (name) => !isDeepStrictEqual(now[name], next[name]),
  );
