/** The environment variables that say where this process runs; all else stands in the config file. */
import { z } from 'zod';
import type { Tenant } from '@sluice/job';
import type { Mistake } from './mistake.ts';
import { isLoopback } from './warnings.ts';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** The parts are read where connections are made; a URL with several hosts cannot be parsed as one. */
const isRedisAddress = (url: string): boolean =>
  (/^rediss?:\/\//.test(url) && URL.canParse(url)) ||
  /^rediss?\+sentinel:\/\/([^@/]*@)?[^/@,:]+(:\d+)?(,[^/@,:]+(:\d+)?)*\/[^/]+(\/\d+)?$/.test(url) ||
  /^rediss?\+cluster:\/\/([^@/]*@)?[^/@,:]+(:\d+)?(,[^/@,:]+(:\d+)?)*\/?$/.test(url);

const variables = z.object({
  PORT: z
    .string()
    .regex(/^\d{1,5}$/)
    .transform(Number)
    .pipe(z.int().min(0).max(65_535))
    .prefault('8080')
    .meta({ allowed: 'a port from 0 to 65535; 0 = any free one' })
    .describe('Where the API listens.'),
  HOST: z
    .string()
    .min(1)
    .prefault('127.0.0.1')
    .meta({ allowed: 'an address or host name' })
    .describe(
      'The address the API listens on. Without tenants only loopback, unless `SLUICE_ALLOW_OPEN=1`.',
    ),
  SLUICE_ALLOW_OPEN: z
    .enum(['0', '1'])
    .prefault('0')
    .transform((value) => value === '1')
    .meta({ allowed: '0 or 1' })
    .describe('1 = without API keys, listen on other addresses than loopback too.'),
  REDIS_URL: z
    .string()
    .refine(isRedisAddress)
    .optional()
    .meta({
      allowed:
        'a redis:// or rediss:// URL, redis+sentinel://host:port,host:port/master, or redis+cluster://host:port,host:port',
    })
    .describe(
      'Redis or Valkey of version 6.2 or later, also `rediss://`; `redis+sentinel://host:port,host:port/master` (or `rediss+sentinel://`) asks sentinels for the master, `redis+cluster://host:port,host:port` (or `rediss+cluster://`) is a Redis Cluster (docs/deployment.md). Absent = `npm start` runs its own.',
    ),
  SLUICE_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,32}$/)
    .prefault('sluice')
    .meta({ allowed: 'letters, digits, `_` and `-`, at most 32' })
    .describe('Prefix of all keys, for a Redis that others use too.'),
  SLUICE_CONFIG: z
    .string()
    .min(1)
    .optional()
    .meta({ allowed: 'a path, or `demo`' })
    .describe(
      'The config file; `demo` = the built-in one. Absent = `sluice.yaml` if it is there, else the demo.',
    ),
  SLUICE_DATA_DIR: z
    .string()
    .min(1)
    .prefault('.sluice')
    .meta({ allowed: 'a path' })
    .describe(
      'Files, the own Redis and logs. The demo has a folder of its own in it, unless this is set.',
    ),
  LOG_LEVEL: z
    .enum(LOG_LEVELS)
    .prefault('info')
    .meta({ allowed: LOG_LEVELS.join(', ') })
    .describe('Least important log lines written.'),
});

export interface Environment {
  port: number;
  host: string;
  allowOpen: boolean;
  /** Null = none named: `npm start` runs its own, anything else cannot start. */
  redisUrl: string | null;
  prefix: string;
  /** Null = look for sluice.yaml. */
  configPath: string | null;
  dataDir: string;
  logLevel: (typeof LOG_LEVELS)[number];
}

export type EnvironmentResult =
  | { kind: 'ok'; environment: Environment }
  | { kind: 'invalid'; mistakes: Mistake[] };

/** An empty variable counts as unset, as in `PORT= npm start`. */
export function loadEnvironment(env: Record<string, string | undefined>): EnvironmentResult {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = variables.safeParse(set);
  if (!parsed.success) {
    const names = new Set(parsed.error.issues.map((issue) => String(issue.path[0])));
    return { kind: 'invalid', mistakes: [...names].map((name) => mistakeIn(name, set)) };
  }
  const { data } = parsed;
  const environment: Environment = {
    port: data.PORT,
    host: data.HOST,
    allowOpen: data.SLUICE_ALLOW_OPEN,
    redisUrl: data.REDIS_URL ?? null,
    prefix: data.SLUICE_PREFIX,
    configPath: data.SLUICE_CONFIG ?? null,
    dataDir: data.SLUICE_DATA_DIR,
    logLevel: data.LOG_LEVEL,
  };
  return { kind: 'ok', environment };
}

function mistakeIn(name: string, env: Record<string, string | undefined>): Mistake {
  const schema = variables.shape[name as keyof typeof variables.shape];
  // A Redis URL carries the password.
  const found = name === 'REDIS_URL' ? 'another text' : JSON.stringify(env[name]);
  return { path: name, at: [name], found, allowed: String(schema.meta()?.['allowed']) };
}

/** Name, description and default of every variable, for the docs. */
export function describeVariables(): { name: string; does: string; otherwise: string }[] {
  const { properties = {} } = z.toJSONSchema(variables, { io: 'input' });
  return Object.entries(properties).map(([name, node]) => {
    const { description = '', default: fallback } = node as {
      description?: string;
      default?: string;
    };
    return { name, does: description, otherwise: fallback ?? '' };
  });
}

/** Why the API may not listen there, or null: without API keys whoever reaches the port may spend your money. */
export function refuseOpenAddress(
  { host, allowOpen }: Pick<Environment, 'host' | 'allowOpen'>,
  tenants: readonly Tenant[],
): string | null {
  if (tenants.length > 0 || allowOpen || isLoopback(host)) return null;
  return `HOST=${host} would let anyone who reaches it spend your budgets: add tenants with api_keys to the config, or set SLUICE_ALLOW_OPEN=1`;
}
