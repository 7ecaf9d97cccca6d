/** How the installation runs, with TypeScript's names: the config file's sections beside the fleet and tenants. */
import type { Tenant } from '@sluice/job';
import type { Route } from '@sluice/routing';
import { buildRoutes } from './build-routes.ts';
import { hashKey } from './check-names.ts';
import type { ConfigFile } from './schema/file.ts';

type CamelCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;

type CamelKeys<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T as CamelCase<K & string>]: CamelKeys<T[K]> }
    : T;

/** Field by field as docs/configuration.md describes them; durations in milliseconds. */
export interface Settings extends CamelKeys<
  Pick<ConfigFile, 'retry' | 'server' | 'dispatch' | 'admission' | 'usage'>
> {
  /** `sha256:<hex>` of each key; empty = no admin section. */
  admin: { keyHashes: string[] };
  routes: readonly Route[];
  webhooks: {
    secret: string | null;
    allow: string[];
    allowHttp: boolean;
    keepDeliveriesMs: number;
  };
  files: FileSettings;
  retention: { jobsMs: number; filesMs: number; deadMs: number; usageMs: number };
}

/** Where the file store lies; `credentials` null = found as the AWS tools do. */
type FileSettings =
  | { store: 'local' }
  | {
      store: 's3';
      bucket: string;
      prefix: string;
      region: string;
      endpoint: string | null;
      pathStyle: boolean;
      credentials: { accessKeyId: string; secretAccessKey: string } | null;
    };

export function buildSettings(file: ConfigFile): Settings {
  const { retry, server, dispatch, admission, usage, webhooks, retention } = file;
  return {
    ...(camelKeys({ retry, server, dispatch, admission, usage }) as CamelKeys<
      Pick<ConfigFile, 'retry' | 'server' | 'dispatch' | 'admission' | 'usage'>
    >),
    routes: buildRoutes(file.routes),
    admin: { keyHashes: (file.admin?.api_keys ?? []).map(hashKey) },
    webhooks: {
      secret: webhooks.secret ?? null,
      allow: webhooks.allow,
      allowHttp: webhooks.allow_http,
      keepDeliveriesMs: webhooks.keep_deliveries,
    },
    files: buildFiles(file.files),
    retention: {
      jobsMs: retention.jobs,
      filesMs: retention.files,
      deadMs: retention.dead,
      usageMs: retention.usage,
    },
  };
}

/** How the ledger counts usage. */
export const usageRules = ({
  usage,
  retention,
}: Pick<Settings, 'usage' | 'retention'>): Settings['usage'] & { keepSeconds: number } => ({
  ...usage,
  keepSeconds: Math.ceil(retention.usageMs / 1000),
});

function buildFiles(given: ConfigFile['files']): FileSettings {
  const { bucket, access_key_id: accessKeyId, secret_access_key: secretAccessKey } = given;
  if (given.store === 'local' || bucket === undefined) return { store: 'local' };
  const keys = accessKeyId !== undefined && secretAccessKey !== undefined;
  return {
    store: 's3',
    bucket,
    prefix: given.prefix ?? '',
    region: given.region,
    endpoint: given.endpoint ?? null,
    pathStyle: given.path_style ?? given.endpoint !== undefined,
    credentials: keys ? { accessKeyId, secretAccessKey } : null,
  };
}

function camelKeys(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [camelCase(key), camelKeys(inner)]),
  );
}

const camelCase = (key: string): string =>
  key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

export function buildTenants(file: ConfigFile): Tenant[] {
  return Object.entries(file.tenants).map(([id, entry]) => ({
    id,
    keyHashes: entry.api_keys.map(hashKey),
    weight: entry.weight,
    pools: entry.pools ?? null,
    limits: Object.fromEntries(
      Object.entries(entry.limits).filter(
        (pair): pair is [string, number] => pair[1] !== undefined,
      ),
    ),
  }));
}
